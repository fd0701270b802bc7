package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// TestPure holds the pure rooms to what the table says of them.
func TestPure(t *testing.T) {
	packages := list(t)
	held := 0
	for _, p := range ours(packages) {
		r, ok := find(table, relative(p.ImportPath))
		if !ok || !r.pure {
			continue
		}
		held++
		for _, fault := range checkPure(r, p, packages) {
			t.Error(fault)
		}
		fset := token.NewFileSet()
		for _, name := range p.sources() {
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				continue
			}
			for _, fault := range checkSource(fset, f) {
				t.Error(fault)
			}
		}
	}
	if held == 0 {
		t.Error("no pure room found: the table and the module have parted")
	}
}

// checkPure returns a sentence for each import that a pure room must not have:
// files, processes, and rooms of ours that are not pure themselves.
func checkPure(r row, p *listedPackage, packages map[string]*listedPackage) []string {
	var faults []string
	for _, imp := range p.Imports {
		if matches(impureImports, imp) {
			faults = append(faults, fmt.Sprintf("%s is pure and imports %s", relative(p.ImportPath), imp))
		}
	}
	for _, dep := range p.Imports {
		room := relative(dep)
		if !packages[dep].ours() || room == "internal/secret" || slices.Contains(r.types, room) {
			continue
		}
		if other, ok := find(table, room); !ok || !other.pure {
			faults = append(faults, fmt.Sprintf("%s is pure and imports %s, which is not", relative(p.ImportPath), room))
		}
	}
	return faults
}

// checkSource returns a sentence for each place where f looks at a clock, waits,
// uses a socket or starts a goroutine.
func checkSource(fset *token.FileSet, f *ast.File) []string {
	var faults []string
	fault := func(n ast.Node, what string) {
		faults = append(faults, fmt.Sprintf("%s: a pure room %s", fset.Position(n.Pos()), what))
	}
	clock, sockets := importedAs(f, "time"), importedAs(f, "net")
	if clock == "." || sockets == "." {
		fault(f.Name, "imports time or net as a dot")
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			fault(n, "starts a goroutine")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			switch {
			case !ok || x.Name == "":
			case x.Name == clock && slices.Contains(impureTime, n.Sel.Name):
				fault(n, "uses time."+n.Sel.Name)
			case x.Name == sockets && !slices.Contains(pureNet, n.Sel.Name):
				fault(n, "uses net."+n.Sel.Name)
			}
		}
		return true
	})
	return faults
}

// importedAs is the name under which f knows the package; empty when it does not
// import it.
func importedAs(f *ast.File, importPath string) string {
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return importPath
	}
	return ""
}
