package dsl

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var updateFormat = flag.Bool("update-format", false, "write the golden files of Format")

func TestFormatGolden(t *testing.T) {
	const golden = "testdata/format/pipeline.golden.hcl"
	src, err := os.ReadFile("testdata/format/pipeline.in.hcl")
	if err != nil {
		t.Fatal(err)
	}
	got, diags := Format("pipeline.hcl", src)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if *updateFormat {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("Format (-want +got):\n%s", diff)
	}
}

func TestFormat(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"empty", "", ""},
		{"blank", " \n\n\t\n", ""},
		{"no line end", "a=1", "a = 1\n"},
		{"blank lines around", "\n\na = 1\n\n\n", "a = 1\n"},
		{"aligned", "a=1\nlong =2\n\nb=3\n", "a    = 1\nlong = 2\n\nb = 3\n"},
		{"Windows line ends", "a=1\r\nlong=2\r\n", "a    = 1\r\nlong = 2\r\n"},
		{"comment alone", "# x", "# x\n"},
		{"comments aligned", "a = 1 # x\nlong = 2 # y\n", "a    = 1 # x\nlong = 2 # y\n"},
		{"heredoc at the end", "a = <<E\n x \nE\n\n", "a = <<E\n x \nE\n"},
		{"nested", "a {\nb {\nc=1\n}\n}\n", "a {\n  b {\n    c = 1\n  }\n}\n"},
		{"one line", "a { b=1 }\n", "a { b = 1 }\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, diags := Format("a.hcl", []byte(tt.src))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("Format (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFormatRefusesSyntaxErrors(t *testing.T) {
	const src = "a  =   1\nb = = 2\nc = \"\\(\"\n"
	got, diags := Format("a.hcl", []byte(src))
	if string(got) != src {
		t.Errorf("Format changed a broken file to %q", got)
	}
	if len(diags) < 2 || diags[0].place() != "a.hcl:2:5" || diags[0].Code != "syntax" {
		t.Errorf("diagnostics are %+v, want those of both lines", diags)
	}
}

func TestSameMeaning(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"a=1", "\na  =  1\n", true},
		{"a = 1\n", "a = 2\n", false},
		{"a = \"x y\"\n", "a = \"x  y\"\n", false},
		{"a = <<E\nx\nE\n", "a = <<E\n x\nE\n", false},
		{"a = <<-E\n x\nE\n", "a   = <<-E\n x\n  E\n", true},
		{"# x \na = 1\n", "# x\na = 1", true},
		{"# x\n", "# y\n", false},
		{"a = 1\nb = 2\n", "a = 1\n\nb = 2\n", false},
		{"a = [1]\n", "a = [1,]\n", false},
	}
	for _, tt := range tests {
		if got := sameMeaning([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("sameMeaning(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzFormat(f *testing.F) {
	seed, err := os.ReadFile("testdata/format/pipeline.in.hcl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("a = <<-E\n  x ${ b } %{ if c }\n  y%{ endif }\n  E\n"))
	f.Add([]byte("a = b ? c : d[*].e...\r\n/* x */ b { c = -1 }\r\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		_, problems := hclsyntax.ParseConfig(src, "a.hcl", hcl.InitialPos)
		once, diags := Format("a.hcl", src)
		if diags.HasErrors() != problems.HasErrors() {
			t.Fatalf("Format says %v, the parser %v", diags, problems)
		}
		if diags.HasErrors() {
			if string(once) != string(src) {
				t.Fatalf("a broken file is changed to %q", once)
			}
			return
		}
		if !sameMeaning(src, once) {
			t.Errorf("%q becomes %q", src, once)
		}
		twice, diags := Format("a.hcl", once)
		if len(diags) > 0 || string(twice) != string(once) {
			t.Errorf("%q becomes %q, and that %q %v", src, once, twice, diags)
		}
	})
}
