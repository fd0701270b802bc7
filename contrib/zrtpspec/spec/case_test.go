package spec

import (
	"slices"
	"testing"
)

// Cases are found by their names, their sections, and the rows they stand for.
func TestFind(t *testing.T) {
	for name, want := range map[string]string{"4.4.1.2/1": "4.4.1.2/1", "5.15": "5.15/1", "4.4": "4.4.1.2/1", "A1": "4.4.1.2/1", "X2": "X/2"} {
		found, err := Find([]string{name})
		if err != nil || !slices.ContainsFunc(found, func(c Case) bool { return c.ID == want }) {
			t.Errorf("%s: %s is not among %d cases, %v", name, want, len(found), err)
		}
	}
	if _, err := Find([]string{"4.4.1.2/1", "4.99"}); err == nil {
		t.Error("there is a section 4.99")
	}
}

// The order is that of the RFC, numbers being numbers.
func TestOrder(t *testing.T) {
	ids := []string{"4/1", "4.1/2", "4.1.1/2", "4.2/1", "4.4.1.2/2", "4.4.1.2/10", "5/1", "5.4/1", "5.13/1", "12/1", "X/1"}
	all := All()
	at := -1
	for _, id := range ids {
		i := slices.IndexFunc(all, func(c Case) bool { return c.ID == id })
		if i <= at {
			t.Errorf("%s stands at %d, after %d", id, i, at)
		}
		at = max(at, i)
	}
}
