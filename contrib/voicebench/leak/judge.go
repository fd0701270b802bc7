package leak

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	folds        = 5
	permutations = 40
)

// Verdict is how well two classes are told apart by windows that the classifier
// had not seen: 0.5 is chance, 1 is always.
type Verdict struct {
	Windows [2]int // of each class
	AUC     float64
	// Low and High hold it with 95% (Hanley and McNeil, 1982).
	Low, High float64
	// Chance is what 95% of shuffled labels stay below.
	Chance float64
}

func (v Verdict) String() string {
	return fmt.Sprintf("AUC %.3f (%.3f to %.3f), chance below %.3f, %d and %d windows", v.AUC, v.Low, v.High, v.Chance, v.Windows[0], v.Windows[1])
}

// Judge trains and tests in five folds. Windows are given in the order in which
// they were recorded; a fold takes every fifth, so that slow changes of the
// machine are in all.
func Judge(x [][]float64, class []bool, seed uint64) Verdict {
	r := rand.New(rand.NewPCG(seed, 1))
	var v Verdict
	for _, c := range class {
		if c {
			v.Windows[1]++
		} else {
			v.Windows[0]++
		}
	}
	if v.Windows[0] < folds || v.Windows[1] < folds {
		return v
	}
	v.AUC = crossValidated(x, class)
	v.Low, v.High = interval(v.AUC, v.Windows[0], v.Windows[1])
	var chance []float64
	shuffled := slices.Clone(class)
	for range permutations {
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		chance = append(chance, crossValidated(x, shuffled))
	}
	v.Chance = quantiles(chance, 0.95)[0]
	return v
}

func crossValidated(x [][]float64, class []bool) float64 {
	scores := make([]float64, len(x))
	// Each class goes round the folds by itself, so that all folds have both.
	fold := make([]int, len(x))
	var next [2]int
	for i, c := range class {
		k := 0
		if c {
			k = 1
		}
		fold[i] = next[k] % folds
		next[k]++
	}
	for f := range folds {
		var tx [][]float64
		var tc []bool
		for i := range x {
			if fold[i] != f {
				tx, tc = append(tx, x[i]), append(tc, class[i])
			}
		}
		s := Train(tx, tc)
		for i := range x {
			if fold[i] == f {
				scores[i] = s.Score(x[i])
			}
		}
	}
	return AUC(scores, class)
}

// AUC is the chance that a window of the true class has the higher score; a tie
// counts half.
func AUC(scores []float64, class []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var ranks float64
	var n, m int
	for first := 0; first < len(order); {
		last := first
		for last < len(order) && scores[order[last]] == scores[order[first]] {
			last++
		}
		for _, i := range order[first:last] {
			if class[i] {
				ranks += float64(first+last+1) / 2
				n++
			} else {
				m++
			}
		}
		first = last
	}
	if n == 0 || m == 0 {
		return 0.5
	}
	return (ranks - float64(n*(n+1))/2) / float64(n*m)
}

// interval is Hanley and McNeil's.
func interval(a float64, n, m int) (low, high float64) {
	q1, q2 := a/(2-a), 2*a*a/(1+a)
	v := (a*(1-a) + float64(n-1)*(q1-a*a) + float64(m-1)*(q2-a*a)) / float64(n*m)
	d := 1.96 * math.Sqrt(max(v, 0))
	return max(a-d, 0), min(a+d, 1)
}
