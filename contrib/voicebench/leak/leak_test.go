package leak_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"karat/contrib/voicebench/leak"
)

// windows makes n windows of 100 packets: timing noise, and for the true class
// what also.
func windows(n int, also func(r *rand.Rand, p *leak.Packet)) (x [][]float64, class []bool) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var w []leak.Packet
		for k := range 100 {
			p := leak.Packet{At: float64(k)*0.02 + 0.0005*math.Abs(r.NormFloat64()), Size: 120}
			if i%2 == 1 {
				also(r, &p)
			}
			w = append(w, p)
		}
		x, class = append(x, leak.Features(w)), append(class, i%2 == 1)
	}
	return x, class
}

func TestNothingToFind(t *testing.T) {
	x, class := windows(400, func(*rand.Rand, *leak.Packet) {})
	v := leak.Judge(x, class, 1)
	t.Log(v)
	if v.Low > 0.5 || v.High < 0.5 || v.AUC > v.Chance+0.03 {
		t.Errorf("found what is not there: %v", v)
	}
}

func TestFindsWhatIsThere(t *testing.T) {
	for name, also := range map[string]func(*rand.Rand, *leak.Packet){
		"later by up to a millisecond": func(r *rand.Rand, p *leak.Packet) { p.At += 0.001 * r.Float64() },
		"two sizes":                    func(r *rand.Rand, p *leak.Packet) { p.Size += r.IntN(2) },
	} {
		x, class := windows(400, also)
		v := leak.Judge(x, class, 1)
		t.Log(name, v)
		if v.AUC < 0.9 || v.Low < v.Chance {
			t.Errorf("%s: not found: %v", name, v)
		}
	}
}

func TestAUC(t *testing.T) {
	class := []bool{false, false, true, true}
	for _, c := range []struct {
		scores []float64
		want   float64
	}{
		{[]float64{1, 2, 3, 4}, 1},
		{[]float64{4, 3, 2, 1}, 0},
		{[]float64{1, 3, 2, 4}, 0.75},
		{[]float64{1, 1, 1, 1}, 0.5},
	} {
		if got := leak.AUC(c.scores, class); got != c.want {
			t.Errorf("AUC of %v is %v, not %v", c.scores, got, c.want)
		}
	}
}

// TestPace: a clock that is wrong by 50 ppm makes nothing late; half a
// millisecond for a second does.
func TestPace(t *testing.T) {
	var stream []leak.Packet
	var number []int
	for k := range 2000 {
		p := leak.Packet{At: float64(k) * 0.02 * (1 + 50e-6)}
		if k >= 1000 && k < 1050 {
			p.At += 0.0005
		}
		stream, number = append(stream, p), append(number, k)
	}
	leak.Pace(stream, number)
	if early := stream[600].Late; math.Abs(early) > 1e-9 {
		t.Errorf("drift is late: %g s", early)
	}
	if late := stream[1025].Late; late < 0.0004 || late > 0.000501 {
		t.Errorf("half a millisecond is %g s", late)
	}
}

func TestFewPackets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var full []leak.Packet
	for k := range 100 {
		full = append(full, leak.Packet{At: float64(k)*0.02 + 0.001*r.Float64(), Size: 100})
	}
	for n := range full {
		if got, want := len(leak.Features(full[:n])), len(leak.Features(full)); got != want {
			t.Errorf("%d packets have %d features, not %d", n, got, want)
		}
	}
}
