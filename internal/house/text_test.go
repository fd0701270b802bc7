package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestText reads every text file of the tree.
func TestText(t *testing.T) {
	fset := token.NewFileSet()
	read := 0
	walk(t, func(name string, text []byte) {
		read++
		for _, fault := range checkPaths(string(text)) {
			t.Errorf("%s: %s", name, fault)
		}
		if filepath.Ext(name) != ".go" {
			return
		}
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range f.Comments {
			for _, fault := range checkCitations(c.Text()) {
				t.Errorf("%s: %s", fset.Position(c.Pos()), fault)
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, fault := range checkDocumented(fset, f) {
			t.Error(fault)
		}
		for _, fault := range checkFingerprint(string(text)) {
			t.Errorf("%s: %s", name, fault)
		}
	})
	if read < 20 {
		t.Errorf("read %d files only: the tree is not where it was", read)
	}
}

// TestPackageComments: each package says what it is, in its own name.
func TestPackageComments(t *testing.T) {
	for _, p := range ours(goList(t, "./...")) {
		switch {
		case len(p.sources()) == 0: // tests only
		case p.Doc == "":
			t.Errorf("%s: no package comment", p.ImportPath)
		case p.Name != "main" && !strings.HasPrefix(p.Doc, "Package "+p.Name+" "):
			t.Errorf("%s: the package comment does not begin with %q", p.ImportPath, "Package "+p.Name)
		}
	}
}

// walk calls visit with every text file of the module, and of tools.
func walk(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "bin", "build":
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || d.Name() == ".git" { // a file where there are several work trees
			return nil
		}
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) { // somebody else's temporary file
			return nil
		}
		if err != nil {
			return err
		}
		if utf8.Valid(text) {
			visit(name, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// machinePath finds paths that exist on one machine only: they tell who built
// it, and help nobody else.
var machinePath = regexp.MustCompile(`(?:^|[^\w.~])(/(?:root|home|Users|work)/[\w.-]+)`)

func checkPaths(text string) []string {
	var faults []string
	for _, m := range machinePath.FindAllStringSubmatch(text, -1) {
		faults = append(faults, fmt.Sprintf("%s is a path of one machine", m[1]))
	}
	return faults
}

// The one spelling is "RFC 6189, Section 4.2", also over a line's end. Lower case
// in file names and addresses is not a citation.
var (
	anyRFC     = regexp.MustCompile(`(?i)(^|[^\w/.-])(rfc[-\s]?\d+)((?:[,;:]?\s*\(?(?:§+|sections?|sect?\.|sec\.|appendix|\d+\.\d)\s*)?)`)
	rightRFC   = regexp.MustCompile(`^RFC \d+$`)
	rightPlace = regexp.MustCompile(`^(|, (Sections?|Appendix) )$`)
	turnedRFC  = regexp.MustCompile(`(?i)(?:§|sections?|appendix)\s*[A-Z0-9][\w.]*\s+(?:of|in)\s+(?:the\s+)?rfc\s?\d+`)
)

func checkCitations(comment string) []string {
	text := strings.Join(strings.Fields(comment), " ")
	var faults []string
	fault := func(s string) {
		faults = append(faults, fmt.Sprintf("write %q as \"RFC 1234, Section 1.2\"", strings.TrimSpace(s)))
	}
	for _, m := range anyRFC.FindAllStringSubmatchIndex(text, -1) {
		rfc, place := text[m[4]:m[5]], text[m[6]:m[7]]
		if strings.HasPrefix(text[m[5]:], ".txt") {
			continue
		}
		if !rightRFC.MatchString(rfc) || !rightPlace.MatchString(place) {
			fault(rfc + place)
		}
	}
	for _, m := range turnedRFC.FindAllString(text, -1) {
		fault(m)
	}
	return faults
}

// fingerprint finds headers that tell which program is at the other end.
var fingerprint = regexp.MustCompile(`(?i)NewHeader\(\s*"(?:User-Agent|Server|Organization)"|"(?:User-Agent|Organization): |WithUserAgentHeader`)

func checkFingerprint(text string) []string {
	var faults []string
	for _, m := range fingerprint.FindAllString(text, -1) {
		faults = append(faults, fmt.Sprintf("%s: every installation looks the same, and does not say what it is", m))
	}
	return faults
}

// checkDocumented returns a sentence for each exported name without a comment.
// A comment on a group of constants or variables covers the group.
func checkDocumented(fset *token.FileSet, f *ast.File) []string {
	if f.Name.Name == "main" {
		return nil
	}
	var faults []string
	fault := func(id *ast.Ident) {
		faults = append(faults, fmt.Sprintf("%s: %s is exported and has no comment", fset.Position(id.Pos()), id.Name))
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !selfEvident[d.Name.Name] {
				fault(d.Name)
			}
		case *ast.GenDecl:
			for _, id := range undocumented(d) {
				fault(id)
			}
		}
	}
	return faults
}

// selfEvident methods do what their interface says.
var selfEvident = map[string]bool{
	"Error": true, "String": true, "GoString": true, "Format": true, "Unwrap": true, "Is": true, "As": true,
	"LogValue": true, "MarshalText": true, "UnmarshalText": true, "MarshalJSON": true, "UnmarshalJSON": true,
	"Len": true, "Less": true, "Swap": true,
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = exported || id.IsExported()
		}
		return true
	})
	return exported
}

func undocumented(d *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || spec.Doc != nil || spec.Comment != nil {
				continue
			}
			for _, id := range spec.Names {
				if id.IsExported() {
					names = append(names, id)
				}
			}
		}
	}
	return names
}

// TestSkips: a test that may be skipped stands with its reason in the table of
// ARCHITECTURE.md.
func TestSkips(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	skipping := regexp.MustCompile(`\b[tb]\.Skip(f|Now)?\(`)
	found := 0
	walk(t, func(name string, text []byte) {
		if filepath.Ext(name) != ".go" || !skipping.Match(text) {
			return
		}
		name, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if !strings.Contains(string(doc), "| `"+filepath.ToSlash(name)+"` |") {
			t.Errorf("%s skips a test, and ARCHITECTURE.md does not say for want of what", name)
		}
	})
	if rows := strings.Count(string(doc), "_test.go` |"); rows != found {
		t.Errorf("ARCHITECTURE.md has %d rows of tests that may be skipped, %d files do", rows, found)
	}
}
