package main

import "errors"

// recognisable is a likeness that only the right speech has, with gaps: what is
// another's, noise or silence scores 0.25 and less (media/correlate).
const recognisable = 0.45

// poorlyHeard is the right speech, with gaps. On loopback, where nothing is lost, it
// is most often a machine that had other work to do.
type poorlyHeard struct{ error }

func (p poorlyHeard) Unwrap() error { return p.error }

// onlyPoorlyHeard tells whether nothing else is wrong.
func onlyPoorlyHeard(err error) bool {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if !onlyPoorlyHeard(e) {
				return false
			}
		}
		return true
	}
	return errors.As(err, new(poorlyHeard))
}

// mostAgain is how many cells may be poorly heard by chance. If there are more, it is
// the phone.
const mostAgain = 4

// toHearAgain are the cells whose only fault is a voice with gaps. They run once more,
// by themselves.
func toHearAgain(results []result) (again []int) {
	for i, r := range results {
		if r.PoorlyHeard {
			again = append(again, i)
		}
	}
	if len(again) > mostAgain {
		return nil
	}
	return again
}
