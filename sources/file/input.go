package file

import (
	"bufio"
	"bytes"
	"compress/gzip" // github.com/klauspost/compress takes a member that breaks off inside its name for the end of the data
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// An input is an opened file whose text is read as UTF-8.
type input struct {
	part  part
	file  *os.File
	info  os.FileInfo
	text  io.Reader
	base  int64 // the offset of the text's first byte in a plain file
	plain bool  // the text is the file's own bytes
	known bool  // a byte order mark or the configuration told the encoding
}

// openInput opens a regular file as text.
func openInput(p part, charset encoding.Encoding) (*input, error) {
	in, err := openRegular(p)
	if err != nil {
		return nil, err
	}
	if err := in.decode(charset); err != nil {
		in.close()
		var known *problem
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, &problem{file: p.name, text: "read its start", cause: err}
	}
	return in, nil
}

// openRegular opens a regular file. Symbolic links are followed. Other things
// that have a path are refused before they are opened, as a pipe would wait
// for its writer.
func openRegular(p part) (*input, error) {
	info, err := os.Stat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &problem{file: p.name, text: absent("such file"), cause: err}
	}
	if err != nil {
		return nil, &problem{file: p.name, text: "open it", cause: err}
	}
	if info.IsDir() {
		return nil, &problem{file: p.name, text: "it is a folder, not a file"}
	}
	if !info.Mode().IsRegular() {
		return nil, &problem{file: p.name, text: "it is not a regular file"}
	}
	f, err := os.Open(p.path)
	if err != nil {
		return nil, &problem{file: p.name, text: "open it", cause: err}
	}
	in := &input{part: p, file: f}
	if in.info, err = f.Stat(); err != nil {
		f.Close()
		return nil, &problem{file: p.name, text: "look at it", cause: err}
	}
	return in, nil
}

func (in *input) close() { in.file.Close() }

// decode finds gzip by its magic number and the encoding by the byte order
// mark, or else the configured one.
func (in *input) decode(charset encoding.Encoding) error {
	var head [4]byte
	n, err := in.file.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	start := head[:n]
	in.text = in.file
	packed := bytes.HasPrefix(start, []byte{0x1f, 0x8b})
	if strings.HasSuffix(strings.ToLower(in.part.path), ".gz") && !packed {
		return &problem{file: in.part.name, text: "it is named .gz and holds no gzip data"}
	}
	if packed {
		r, err := gzip.NewReader(bufio.NewReaderSize(in.file, 64<<10))
		if err != nil {
			return packedError{err}
		}
		b := bufio.NewReaderSize(packedReader{r}, 64<<10)
		start, err = b.Peek(len(head))
		if err != nil && err != io.EOF {
			return err
		}
		in.text = b
	}
	return in.translate(start, charset, packed)
}

func (in *input) translate(start []byte, charset encoding.Encoding, packed bool) error {
	mark := 0
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		charset, mark = nil, 3
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		charset, mark = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		charset, mark = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	}
	if _, err := io.CopyN(io.Discard, in.text, int64(mark)); err != nil {
		return err
	}
	in.known = charset != nil || mark > 0
	if in.plain = charset == nil && !packed; in.plain {
		in.base = int64(mark)
	}
	if charset != nil {
		in.text = &decodedReader{r: transform.NewReader(in.text, charset.NewDecoder())}
	}
	return nil
}

// unchanged reports a problem when the file is not what it was at the opening.
func (in *input) unchanged() error {
	open, err := in.file.Stat()
	if err != nil {
		return &problem{file: in.part.name, text: "look at it again", cause: err}
	}
	named, err := os.Stat(in.part.path)
	if err != nil {
		return &problem{file: in.part.name, text: "it went away while it was read", cause: err}
	}
	if !os.SameFile(in.info, named) {
		return &problem{file: in.part.name, text: "it was replaced by another file while it was read"}
	}
	for _, now := range []os.FileInfo{open, named} {
		if now.Size() != in.info.Size() || !now.ModTime().Equal(in.info.ModTime()) {
			return &problem{file: in.part.name, text: "it changed while it was read"}
		}
	}
	return nil
}

// packedReader names the reason when gzip data breaks off or is damaged.
type packedReader struct{ r *gzip.Reader }

func (p packedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && err != io.EOF {
		err = packedError{err}
	}
	return n, err
}

type packedError struct{ err error }

func (e packedError) Error() string {
	switch {
	case errors.Is(e.err, io.ErrUnexpectedEOF), errors.Is(e.err, io.EOF):
		return "the gzip data breaks off"
	case errors.Is(e.err, gzip.ErrChecksum):
		return "the checksum of the gzip data is wrong"
	case errors.Is(e.err, gzip.ErrHeader):
		return "something that is not gzip stands in the gzip data"
	}
	return "the gzip data is damaged: " + e.err.Error()
}

func (e packedError) Unwrap() error { return e.err }

var errUndecodable = errors.New("bytes that are no text in the configured encoding")

// decodedReader refuses U+FFFD, which decoders write for what they can't
// decode: text must not be replaced silently.
type decodedReader struct {
	r    io.Reader
	tail [2]byte // the last bytes handed out
}

func (d *decodedReader) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if n == 0 {
		return n, err
	}
	seam := append(d.tail[:2:2], b[:min(n, 2)]...)
	if i := bytes.Index(b[:n], []byte("\ufffd")); i >= 0 {
		return i, errUndecodable
	}
	if bytes.Contains(seam, []byte("\ufffd")) {
		return 0, errUndecodable
	}
	if n >= 2 {
		copy(d.tail[:], b[n-2:n])
	} else {
		d.tail[0], d.tail[1] = d.tail[1], b[0]
	}
	return n, err
}
