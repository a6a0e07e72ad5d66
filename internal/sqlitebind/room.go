// Package sqlitebind binds text and blobs to statements of SQLite in memory
// that is used again for each row.
//
// The library's own way takes memory for every value from an allocator that all
// connections of the process share, under one lock, and gives it back when the
// next value comes. Where two databases are written side by side, that was a
// quarter of the processor time of a first load.
package sqlitebind

import (
	"reflect"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// static tells SQLite that what is bound stays where it is until it is bound
// anew.
const static = 0

// roomSize is how many bytes a row's values may take together, beyond which the
// library's own way is taken.
const roomSize = 64 << 10

// A Room is the memory of one statement's values. Every parameter that was
// bound in it is bound anew after Clear, before the statement's next step.
type Room struct {
	st     *sqlite.Stmt
	tls    *libc.TLS
	handle uintptr
	memory uintptr // 0: none, the library's own way is taken
	used   int
}

// New gives a statement a room. Close frees it.
func New(st *sqlite.Stmt) *Room {
	r := &Room{st: st}
	if tls, handle, ok := handles(st); ok {
		r.tls, r.handle, r.memory = tls, handle, libc.Xmalloc(tls, roomSize)
	}
	return r
}

// handles are what SQLite's own functions want of a statement. The library has
// no method for them, so they are read out of its structs; ok is false where
// those are not as they were.
func handles(st *sqlite.Stmt) (tls *libc.TLS, handle uintptr, ok bool) {
	s := reflect.ValueOf(st).Elem()
	number, conn := s.FieldByName("stmt"), s.FieldByName("conn")
	if number.Kind() != reflect.Uintptr || conn.Kind() != reflect.Pointer || conn.IsNil() || conn.Elem().Kind() != reflect.Struct {
		return nil, 0, false
	}
	thread := conn.Elem().FieldByName("tls")
	if !thread.IsValid() || thread.Type() != reflect.TypeFor[*libc.TLS]() {
		return nil, 0, false
	}
	tls, handle = (*libc.TLS)(thread.UnsafePointer()), uintptr(number.Uint())
	return tls, handle, tls != nil && handle != 0
}

// Text binds a text.
func (r *Room) Text(param int, text []byte) {
	if p := r.put(text); p == 0 || lib.Xsqlite3_bind_text(r.tls, r.handle, int32(param), p, int32(len(text)), static) != lib.SQLITE_OK {
		r.st.BindText(param, unsafe.String(unsafe.SliceData(text), len(text))) // copies; and keeps an error for the step
	}
}

// Blob binds a blob.
func (r *Room) Blob(param int, blob []byte) {
	if p := r.put(blob); p == 0 || lib.Xsqlite3_bind_blob(r.tls, r.handle, int32(param), p, int32(len(blob)), static) != lib.SQLITE_OK {
		r.st.BindBytes(param, blob)
	}
}

// put copies bytes into the room and tells where they stand; 0 when it is full.
func (r *Room) put(b []byte) uintptr {
	if r.memory == 0 || len(b) > roomSize-r.used {
		return 0
	}
	at := r.memory + uintptr(r.used)
	copy(unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), len(b)), b)
	r.used += len(b)
	return at
}

// Clear makes the room empty. The statement must have been reset.
func (r *Room) Clear() { r.used = 0 }

// Close frees the memory. The statement must not be stepped any more.
func (r *Room) Close() {
	if r.memory != 0 {
		libc.Xfree(r.tls, r.memory)
		r.memory = 0
	}
}
