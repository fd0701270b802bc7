package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// table is the figures, by what was measured and whose they are.
type table struct{ rows []*row }

type row struct {
	what, unit string
	values     map[string][]float64 // by phone
}

// row returns the row of that name, and makes it if there is none.
func (t *table) row(what, unit string) *row {
	for _, r := range t.rows {
		if r.what == what {
			return r
		}
	}
	r := &row{what, unit, map[string][]float64{}}
	t.rows = append(t.rows, r)
	return r
}

func (r *row) set(phone string, samples ...float64) { r.values[phone] = samples }

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// columns are the phones, in the table's order.
var columns = [...]string{"karat", "linphone", "baresip"}

// print prints medians, the range where there are several samples, and Karat's
// median as a share of the others'.
func (t *table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "figure\tunit\tkarat\tlinphone\tbaresip\tkarat/linphone\tkarat/baresip")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s", r.what, r.unit)
		for _, phone := range columns {
			fmt.Fprintf(tw, "\t%s", r.cell(phone))
		}
		for _, phone := range columns[1:] {
			fmt.Fprintf(tw, "\t%s", r.ratio(phone))
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

func (r *row) cell(phone string) string {
	samples := r.values[phone]
	switch len(samples) {
	case 0:
		return "-"
	case 1:
		return figure(samples[0])
	}
	return fmt.Sprintf("%s (%s-%s)", figure(median(samples)), figure(slices.Min(samples)), figure(slices.Max(samples)))
}

// figure has three digits, or all those before the point.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func (r *row) ratio(phone string) string {
	ours, theirs := r.values["karat"], r.values[phone]
	if len(ours) == 0 || len(theirs) == 0 || median(theirs) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(ours)/median(theirs))
}
