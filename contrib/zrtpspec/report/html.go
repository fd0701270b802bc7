package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"

	"karat/contrib/zrtpspec/spec"
)

//go:embed page.html
var page string

// section is the results of one section of the RFC.
type section struct {
	Name    string
	Results []spec.Result
}

// Sections groups results that follow each other.
func (r Run) Sections() []section {
	var all []section
	for _, result := range r.Results {
		if n := len(all); n == 0 || all[n-1].Name != result.Section() {
			all = append(all, section{Name: result.Section()})
		}
		last := &all[len(all)-1]
		last.Results = append(last.Results, result)
	}
	return all
}

// HTML writes the report as one page that needs nothing else.
func (r Run) HTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"class":    func(v spec.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
		"lines":    func(lines []string) string { return strings.Join(lines, "\n") },
		"verdicts": Verdicts,
		"caveat":   func() string { return Caveat },
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
