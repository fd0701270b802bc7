package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Level is how strongly the RFC asks for something, in its words.
type Level string

// Levels. Text is for rules that the RFC states in prose.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	Text   Level = "text"
)

// Case is one rule and how it is put to the test.
type Case struct {
	// ID is the section and a number: "4.4.1.2/1".
	ID string
	// Rows are those of the conformance matrix that it stands for, or attacks.
	Rows  string
	Level Level
	// Rule quotes the RFC, or says the rule where the RFC takes many words.
	Rule string
	// Sent and Expected say what T does, and what P ought to do.
	Sent, Expected string
	Needs          Ability
	Run            func(t *T)
	// Manual says how a person judges what no packet shows; Run is nil then.
	Manual string
	// Inapplicable says why no phone of this kind is asked; Run is nil then.
	Inapplicable string
}

// Section is the part of the ID before the number.
func (c Case) Section() string {
	section, _, _ := strings.Cut(c.ID, "/")
	return section
}

// All are all cases, in the order of the RFC.
func All() []Case {
	all := slices.Concat(
		multiplexing(), ssrc(), versions(), algorithmChoice(), contention(),
		secrets(), dhMode(), otherModes(), multistream(), keySchedule(), confirmation(),
		termination(), randomness(), zids(), packets(), algorithmBlocks(),
		hellos(), commits(), confirms(), relays(), pings(), timing(),
		sas(), signalled(), hashChain(), flood(), proxies(), disclosure(), extensions(),
	)
	slices.SortStableFunc(all, func(a, b Case) int { return slices.Compare(a.order(), b.order()) })
	return all
}

// order is the ID as numbers; what is no section of the RFC comes last.
func (c Case) order() []int {
	var numbers []int
	section, number, _ := strings.Cut(c.ID, "/")
	for part := range strings.SplitSeq(section, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = math.MaxInt
		}
		numbers = append(numbers, n)
	}
	n, _ := strconv.Atoi(number)
	// A section comes before those within it.
	return append(numbers, math.MinInt, n)
}

// Find returns the cases that a list of names means: IDs, sections with what is below
// them (4.4, but not 4, which is a row), rows or attacks.
func Find(names []string) ([]Case, error) {
	all := All()
	if len(names) == 0 {
		return all, nil
	}
	var found []Case
	for _, name := range names {
		matching := slices.DeleteFunc(slices.Clone(all), func(c Case) bool {
			below := strings.Contains(name, ".") && strings.HasPrefix(c.Section(), name+".")
			return c.ID != name && c.Section() != name && !below && !slices.Contains(strings.Fields(c.Rows), name)
		})
		if len(matching) == 0 {
			return nil, fmt.Errorf("there is no case, section or row %q; `zrtpspec list` names all", name)
		}
		found = append(found, matching...)
	}
	return found, nil
}
