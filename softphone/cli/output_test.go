package cli

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	long := "  unconfirmed  participants  This is the first call with this phone, so somebody could sit between."
	for _, tc := range []struct {
		name  string
		line  string
		width int
		want  string
	}{
		{"no terminal", long, 0, long},
		{"wide enough", long, 200, long},
		{"too narrow to help", long, 20, long},
		{
			"promise", long, 80,
			"  unconfirmed  participants  This is the first call with this phone, so somebody\n" +
				strings.Repeat(" ", 29) + "could sit between.",
		},
		{"sentence", "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj", 40, "aaaa bbbb cccc dddd eeee ffff gggg hhhh\n  iiii jjjj"},
		{"one word", strings.Repeat("x", 90), 40, strings.Repeat("x", 90)},
		{"not ASCII", strings.Repeat("é", 39) + " ü", 40, strings.Repeat("é", 39) + "\n  ü"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(fold(tc.line, tc.width), "\n"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}
