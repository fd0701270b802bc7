package house

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestCitationsBite(t *testing.T) {
	for _, right := range []string{
		"RFC 6189, Section 4.4.1.2: ignore it.",
		"see RFC 3261, Sections 8.1 and\n8.2, and RFC 7714",
		"as RFC 6189,\nSection 5.8 says",
		"RFC 3264, Appendix A",
		"RFC 6189 has no word on it",
		"the text is in rfc6189.txt and at https://www.rfc-editor.org/rfc/rfc6189#section-4.2",
		"(Section 4.3.2)",
	} {
		if got := checkCitations(right); got != nil {
			t.Errorf("checkCitations(%q) = %q, want none", right, got)
		}
	}
	for _, wrong := range []string{
		"RFC6189, Section 4.2",
		"rfc 6189",
		"RFC-3261 says",
		"RFC 6189 Section 4.2",
		"RFC 6189, section 4.2",
		"RFC 6716 section 3.2.5",
		"RFC 6189 §4.2",
		"RFC 6189, sec. 4.2",
		"RFC 6189 (Section 4.2)",
		"RFC 6189, 4.2",
		"Section 4.2 of RFC 6189",
		"RFC 6189\nSection 4.2",
	} {
		if got := checkCitations(wrong); len(got) != 1 {
			t.Errorf("checkCitations(%q) = %q, want one fault", wrong, got)
		}
	}
}

func TestPathsBite(t *testing.T) {
	slash := "/" // so that this file has none
	for _, wrong := range []string{"see " + slash + "home/alice", `"` + slash + `root/go"`, "\n" + slash + "Users/bob"} {
		if got := checkPaths(wrong); len(got) != 1 {
			t.Errorf("checkPaths(%q) = %q, want one fault", wrong, got)
		}
	}
	for _, right := range []string{"softphone" + slash + "home/x", "~" + slash + "home/x", slash + "etc/hosts", "the root/home rule"} {
		if got := checkPaths(right); got != nil {
			t.Errorf("checkPaths(%q) = %q, want none", right, got)
		}
	}
}

func TestFingerprintBites(t *testing.T) {
	for _, wrong := range []string{"sip.NewHeader(\"User-" + "Agent\", name)", "\"User-" + "Agent: x\\r\\n\""} {
		if got := checkFingerprint(wrong); len(got) != 1 {
			t.Errorf("checkFingerprint(%q) = %q, want one fault", wrong, got)
		}
	}
	if got := checkFingerprint(`m.RemoveHeader("User-Agent") // no User-Agent: leaves us`); got != nil {
		t.Errorf("removing the header is a fault: %q", got)
	}
}

func TestDocumentedBites(t *testing.T) {
	const src = `package x

type A struct{}

// B has one.
type B struct{}

func C() {}

func (B) D() {}

func (b) E() {}

func (B) String() string { return "" }

const F = 1

// The letters.
const (
	G = iota
	H
)

func i() {}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, checkDocumented(fset, f), []string{
		"x.go:3:6: A is exported", "x.go:8:6: C is exported", "x.go:10:10: D is exported", "x.go:16:7: F is exported",
	})
}
