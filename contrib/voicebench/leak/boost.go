package leak

import (
	"math"
	"slices"
)

const (
	rounds   = 60  // trees of one split
	learning = 0.3 // of each
	cuts     = 16  // thresholds that are tried for each feature
)

// Stumps are boosted trees of one split each (Friedman, 2001, with logistic
// loss).
type Stumps struct{ trees []stump }

type stump struct {
	feature     int
	threshold   float64
	below, over float64
}

// Train learns to tell the classes false and true apart.
func Train(x [][]float64, class []bool) Stumps {
	var s Stumps
	score := make([]float64, len(x))
	residual, weight := make([]float64, len(x)), make([]float64, len(x))
	g := newGrid(x)
	for range rounds {
		for i := range x {
			p := 1 / (1 + math.Exp(-score[i]))
			residual[i], weight[i] = -p, p*(1-p)
			if class[i] {
				residual[i]++
			}
		}
		t := g.split(residual, weight)
		s.trees = append(s.trees, t)
		for i := range x {
			score[i] += t.value(x[i])
		}
	}
	return s
}

// Score is the higher the more likely the class is true.
func (s Stumps) Score(x []float64) float64 {
	sum := 0.0
	for _, t := range s.trees {
		sum += t.value(x)
	}
	return sum
}

func (t stump) value(x []float64) float64 {
	if x[t.feature] > t.threshold {
		return t.over
	}
	return t.below
}

// grid is the windows by the thresholds that their features exceed.
type grid struct {
	cuts [][]float64 // of each feature, rising
	over [][]uint8   // of each feature and window: how many it exceeds
}

func newGrid(x [][]float64) grid {
	var g grid
	for f := range x[0] {
		values := make([]float64, len(x))
		for i := range x {
			values[i] = x[i][f]
		}
		slices.Sort(values)
		var at []float64
		for c := range cuts {
			at = append(at, values[(c+1)*(len(values)-1)/(cuts+1)])
		}
		at = slices.Compact(at)
		over := make([]uint8, len(x))
		for i := range x {
			for _, cut := range at {
				if x[i][f] > cut {
					over[i]++
				}
			}
		}
		g.cuts, g.over = append(g.cuts, at), append(g.over, over)
	}
	return g
}

// split finds the feature and the threshold that explain the residuals best.
func (g grid) split(residual, weight []float64) stump {
	const ridge = 1.0
	best, bestGain := stump{}, -1.0
	for f, at := range g.cuts {
		var r, w [cuts + 1]float64
		for i, k := range g.over[f] {
			r[k] += residual[i]
			w[k] += weight[i]
		}
		var sumR, sumW, belowR, belowW float64
		for k := range r {
			sumR += r[k]
			sumW += w[k]
		}
		for k, cut := range at {
			belowR += r[k]
			belowW += w[k]
			overR, overW := sumR-belowR, sumW-belowW
			gain := overR*overR/(overW+ridge) + belowR*belowR/(belowW+ridge)
			if gain > bestGain {
				bestGain = gain
				best = stump{f, cut, learning * belowR / (belowW + ridge), learning * overR / (overW + ridge)}
			}
		}
	}
	return best
}
