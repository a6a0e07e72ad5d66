package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"koppel/engine/record"
)

func identityFunctions() []Function {
	return []Function{
		{Name: "sha256", Params: []string{"s"}, Min: 1, Max: 1, run: sha256Of, text: true,
			Doc:      "The SHA-256 of the text's UTF-8 bytes, in hexadecimal.",
			Examples: []Example{{`sha256("a")`, `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`}}},
		{Name: "slug", Params: []string{"s"}, Min: 1, Max: 1, run: slug, text: true,
			Doc:      "The text in lower case without accents, with one dash for all between letters and digits.",
			Examples: []Example{{`slug("Zoë & Søn B.V.")`, `"zoe-son-b-v"`}}},
		{Name: "uuid5", Params: []string{"ns", "s"}, Min: 2, Max: 2, run: uuid5, text: true,
			Doc:      `The name-based UUID (version 5) of the text; ns is "dns", "url", "oid", "x500" or a UUID.`,
			Examples: []Example{{`uuid5("dns", "example.com")`, `"cfbff0d1-9375-5685-968c-48ce8b15ae17"`}}},
	}
}

func sha256Of(e *Evaluator, args []val) (val, error) {
	sum := sha256.Sum256(args[0].b)
	start := len(e.arena)
	e.arena = hex.AppendEncode(e.arena, sum[:])
	return text(e.cut(start)), e.spend(len(args[0].b) >> 6)
}

// letters that do not come apart into a plain one and an accent.
func plainLetter(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'ø':
		return "o"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'đ', 'ð':
		return "d"
	case 'ł':
		return "l"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	}
	return string(r)
}

func slug(e *Evaluator, args []val) (val, error) {
	if err := e.grow(2 * len(args[0].b)); err != nil {
		return null(), err
	}
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(string(args[0].b)) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteString(plainLetter(r))
		default:
			dash = true
		}
	}
	return textOf(b.String()), nil
}

func uuid5(e *Evaluator, args []val) (val, error) {
	space, err := nameSpace(string(args[0].b))
	if err != nil {
		return null(), about(CodeConvert, wrongSpace, args[0])
	}
	return textOf(uuid.NewSHA1(space, args[1].b).String()), e.spend(len(args[1].b) >> 6)
}

const wrongSpace = `uuid5's ns is "dns", "url", "oid", "x500" or a UUID`

func nameSpace(name string) (uuid.UUID, error) {
	switch name {
	case "dns":
		return uuid.NameSpaceDNS, nil
	case "url":
		return uuid.NameSpaceURL, nil
	case "oid":
		return uuid.NameSpaceOID, nil
	case "x500":
		return uuid.NameSpaceX500, nil
	}
	return uuid.Parse(name)
}

// literalText tells whether a node is a constant text, and which.
func literalText(n *Node) (string, bool) {
	s, ok := n.Value.(string)
	return s, ok && n.Kind == KindConst
}

func isText(v val) bool { return v.kind == record.String }
