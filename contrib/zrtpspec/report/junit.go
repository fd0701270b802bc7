package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"karat/contrib/zrtpspec/spec"
)

// The elements of JUnit's report, as build servers read it.
type testSuite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"timestamp,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Seconds string   `xml:"time,attr"`
	Failure *message `xml:"failure"`
	Skipped *message `xml:"skipped"`
	Output  string   `xml:"system-out,omitempty"`
}

type message struct {
	Text string `xml:"message,attr"`
	Body string `xml:",chardata"`
}

// JUnit writes the report as XML. Manual, inapplicable and skipped cases are
// what JUnit calls skipped.
func (r Run) JUnit(w io.Writer) error {
	suite := testSuite{
		Name: "zrtpspec " + r.Target, Tests: len(r.Results), Failures: r.Count(spec.Fail),
		Time: r.Began.UTC().Format("2006-01-02T15:04:05"),
	}
	for _, result := range r.Results {
		c := testCase{
			Class: "rfc6189." + result.Section(), Name: result.ID,
			Seconds: fmt.Sprintf("%.3f", result.Elapsed.Seconds()),
			Output:  strings.Join(result.Trace, "\n"),
		}
		switch result.Verdict {
		case spec.Pass:
		case spec.Fail:
			c.Failure = &message{result.Seen, fmt.Sprintf("%s\nsent: %s\nexpected: %s", result.Rule, result.Sent, result.Expected)}
		case spec.Manual, spec.Inapplicable, spec.Skipped:
			suite.Skipped++
			c.Skipped = &message{Text: string(result.Verdict) + ": " + result.Seen}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	return e.Encode(suite)
}
