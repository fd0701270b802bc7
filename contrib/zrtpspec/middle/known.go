package middle

import (
	"fmt"
	"slices"
	"strings"
)

// Seen is what an attack comes to with another phone: when Karat leads, and when the
// other does.
type Seen [2]string

// either joins outcomes of which chance picks one: a flood fills a queue, or not.
const either = " / "

// Line is how peers/middle keeps it.
func (x Attack) Line(s Seen) string {
	return fmt.Sprintf("%s | %s | %s | %s\n", x.Row, x.Does, s[0], s[1])
}

// Known finds the line of an attack.
func (x Attack) Known(lines string) (s Seen, ok bool) {
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSpace(line), " | ")
		if len(f) == 4 && f[0] == x.Row && f[1] == x.Does {
			return Seen{f[2], f[3]}, true
		}
	}
	return s, false
}

// Fits tells whether what was seen is what is known.
func (s Seen) Fits(known Seen) bool {
	for i := range s {
		if !slices.Contains(strings.Split(known[i], either), s[i]) {
			return false
		}
	}
	return true
}

// String is for a table.
func (s Seen) String() string {
	if s[0] == s[1] {
		return strings.ReplaceAll(s[0], either, ", or ")
	}
	return strings.ReplaceAll(fmt.Sprintf("%s (Karat first). %s (Linphone first)", s[0], s[1]), either, ", or ")
}
