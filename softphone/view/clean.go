package view

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxText bounds a name, an address or a reason, in characters: a line or
	// two of a terminal, whatever the network sent.
	maxText = 300
	// maxSentence bounds what we say ourselves; the longest assay takes 600.
	maxSentence = 1200
	// maxMarks bounds the accents on one letter; no language stacks more, and
	// piles of them paint over other lines.
	maxMarks = 4
)

// replacement stands where something was taken out, so that it shows.
const replacement = '\uFFFD'

// Clean makes text from the network fit to be shown: no control characters or
// escape sequences, which move the cursor; no bidirectional controls, which
// reorder the line; nothing invisible, which makes two names look alike; one
// line, of bounded length.
func Clean(text string) string { return clean(text, maxText) }

func clean(text string, limit int) string {
	var b strings.Builder
	length, marks := 0, 0
	for _, r := range text {
		if length == limit {
			b.WriteRune('…')
			break
		}
		if !shown(r) {
			r = replacement
		}
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > maxMarks {
			continue
		}
		b.WriteRune(r)
		length++
	}
	return b.String()
}

// shown tells whether a character has a shape of its own, and only that. Spaces
// other than the plain one are not shown: they tell apart what looks alike.
func shown(r rune) bool {
	return r != utf8.RuneError && (r == ' ' || unicode.IsPrint(r)) && !blank(r)
}

// blank: letters and symbols that print as nothing. Unicode calls them
// printable.
func blank(r rune) bool {
	switch r {
	case '\u115F', '\u1160', '\u3164', '\uFFA0', // Hangul fillers
		'\u2800',           // Braille without a dot
		'\u034F',           // combining grapheme joiner
		'\u17B4', '\u17B5': // Khmer inherent vowels
		return true
	}
	return unicode.Is(unicode.Variation_Selector, r)
}

func cleanAll(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		out = append(out, Clean(t))
	}
	return out
}
