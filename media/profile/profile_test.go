package profile

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBounds holds the profiles to the sizes that are promised, and the largest
// to what buffers are made for.
func TestBounds(t *testing.T) {
	for _, p := range all {
		if p.Bytes > MaxBytes || p.Samples > MaxSamples {
			t.Errorf("%s is beyond the largest: %+v", p.Name, *p)
		}
		if p.Bytes%2 != 0 {
			t.Errorf("%s: in payloads of %d bytes the type could be Opus", p.Name, p.Bytes)
		}
		for _, m := range append(p.mixes[:], Mix{Frame: p.Bytes}) {
			if bits := m.Frame * 8 * 48000 / p.Samples; bits < 6000 || bits > 64000 {
				t.Errorf("%s: %d bit/s of Opus, want 6000 to 64000", p.Name, bits)
			}
		}
		for c, m := range p.mixes {
			for i, back := range m.backs {
				if got := m.Wait(back); got < back || i == len(m.backs)-1 && got != back || !slices.IsSorted(m.steps) {
					t.Errorf("%s, care %d: %d is waited for, for what came %d later", p.Name, c, got, back)
				}
			}
			if m.Frame > MaxFrame || m.Repair > MaxRepair || m.Frame+m.Repair > p.mixes[Least].Frame || m.Repair > 0 && (m.Frame%m.symbol != 0 || m.Repair%m.symbol != 0 || m.symbols() > mostSymbols || slices.Max(m.backs) > MaxBack || MaxBack >= memory) {
				t.Errorf("%s, care %d: %+v", p.Name, c, m)
			}
		}
		if got, err := Named(p.Name); got != p || err != nil {
			t.Errorf("%s is called %v, %v", p.Name, got, err)
		}
	}
	if _, err := Named("fat"); err == nil {
		t.Error("there is a profile called fat")
	}
	// IPv4, UDP, RTP and a tag of 80 bits.
	if got := (20 + 8 + 12 + Standard.Bytes + 10) * 8 * 50; got > 53000 {
		t.Errorf("standard takes %d bit/s with IP, more than 53000", got)
	}
	if Standard.Control() != 5 || Thin.Control() != 15 || Onion.Control() != 15 {
		t.Errorf("control fields of %d, %d, %d bytes", Standard.Control(), Thin.Control(), Onion.Control())
	}
}

func TestJoinSplit(t *testing.T) {
	for _, p := range all {
		for c, m := range p.mixes {
			want := Payload{Asks: Most, Mix: Care(c), Frame: bytes.Repeat([]byte{0x48}, m.Frame)}
			for range 2 {
				payload := bytes.Repeat([]byte{0xAA}, p.Bytes)
				p.Join(payload, &want)
				got, v, ok := Split(payload)
				if !ok || got != p || v.Asks != want.Asks || v.Mix != want.Mix ||
					!bytes.Equal(v.Frame, want.Frame) || !bytes.Equal(v.Repair, want.Repair) {
					t.Errorf("%s, care %d: split into %+v, %v", p.Name, c, v, ok)
				}
				if m.Repair > 0 {
					want.Repair = bytes.Repeat([]byte{0x4B}, m.Repair)
				}
			}
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	like := func(first byte) []byte { return append([]byte{first}, make([]byte, Standard.Bytes-1)...) }
	for name, b := range map[string][]byte{
		"nothing": nil, "Opus": like(0x48), "stereo Opus": like(0xFC), "Opus with padding": like(0x4B), "short": like(1)[:81],
		"no such care": like(0b1101), "no such mix": like(0b11_0001), "a repair without room": like(0b100_0001), "a type of later": like(0b1000_0001),
	} {
		if _, _, ok := Split(b); ok {
			t.Errorf("%s was taken for a payload between Karats", name)
		}
	}
}

func FuzzSplit(f *testing.F) {
	b := make([]byte, Standard.Bytes)
	for c, m := range Standard.mixes {
		Standard.Join(b, &Payload{Mix: Care(c), Frame: make([]byte, m.Frame)})
		f.Add(b)
	}
	var r Repairer
	seq := uint16(0)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, v, ok := Split(b)
		if !ok {
			return
		}
		again := make([]byte, p.Bytes)
		p.Join(again, &v)
		_, v2, ok := Split(again)
		if !ok || !bytes.Equal(v2.Frame, v.Frame) || !bytes.Equal(v2.Repair, v.Repair) || v2.Asks != v.Asks || v2.Mix != v.Mix {
			t.Errorf("% x changed", b)
		}
		seq += 1 + uint16(b[1])
		r.Take(p, seq, &v)
		for n := 0; ; n++ {
			if _, frame, ok := r.Next(p); !ok {
				break
			} else if n > memory || len(frame) > MaxFrame {
				t.Fatalf("the %d-th packet given back has %d bytes", n, len(frame))
			}
		}
	})
}

// mended is what became of packets of which some are lost.
type mended struct{ sent, there, wrong int }

// mend sends n packets, each with some care, from a number that rolls over.
func mend(p *Profile, n int, care func(i int) Care, lost func(i int) bool) (m mended) {
	r := rand.New(rand.NewPCG(1, 2))
	frames := map[int][]byte{}
	var rep Repairer
	const first = 65500
	for i := range n {
		c := care(i)
		frames[i] = make([]byte, p.Mix(c).Frame)
		for k := range frames[i] {
			frames[i][k] = byte(r.Uint32())
		}
		v := Payload{Mix: c, Frame: frames[i], Repair: make([]byte, p.Mix(c).Repair)}
		if !p.Repair(v.Repair, uint16(first+i), c, func(back int) []byte {
			if i-back < 0 || care(i-back) != c {
				return nil
			}
			return frames[i-back]
		}) {
			v.Repair = nil
		}
		m.sent++
		if lost(i) {
			continue
		}
		m.there++
		rep.Take(p, uint16(first+i), &v)
		for {
			seq, got, ok := rep.Next(p)
			if !ok {
				break
			}
			k := i - int(uint16(first+i)-seq)
			m.there++
			if !lost(k) || !bytes.Equal(got, frames[k]) {
				m.wrong++
			}
		}
	}
	return m
}

// TestRepairs: what is lost alone comes back, with most care bursts too, and of a
// fifth lost at random nearly all.
func TestRepairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, p := range all {
		longest := slices.Max(p.Mix(Most).backs) * 3 / 5
		for _, c := range []struct {
			what  string
			care  Care
			lost  func(i int) bool
			least float64 // share that is there in the end
		}{
			{"every tenth", Some, func(i int) bool { return i%10 == 7 && i < 4990 }, 1},
			{"every tenth", Most, func(i int) bool { return i%10 == 7 && i < 4990 }, 1},
			{"bursts", Most, func(i int) bool { return i%40 >= 20 && i%40 < 20+longest }, 1},
			{"5% at random", Some, random(r, 0.05), 0.99},
			{"20% at random", Most, random(r, 0.2), 0.985},
			{"nothing", Least, func(int) bool { return false }, 1},
		} {
			m := mend(p, 5000, func(int) Care { return c.care }, c.lost)
			if m.wrong > 0 || float64(m.there) < c.least*float64(m.sent) {
				t.Errorf("%s, care %d, %s lost: %+v", p.Name, c.care, c.what, m)
			}
		}
	}
}

func random(r *rand.Rand, share float64) func(int) bool {
	lost := make([]bool, 5000)
	for i := range lost {
		lost[i] = r.Float64() < share
	}
	return func(i int) bool { return lost[i] }
}

// TestRepairsOfChangingMixes: nothing wrong is given back while the mix changes at
// any moment.
func TestRepairsOfChangingMixes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	care := make([]Care, 5000)
	for i := range care {
		care[i] = Care(r.IntN(3))
		if i > 0 && r.IntN(10) > 0 {
			care[i] = care[i-1]
		}
	}
	for _, p := range all {
		m := mend(p, len(care), func(i int) Care { return care[i] }, random(r, 0.1))
		if m.wrong > 0 || m.there < m.sent*93/100 {
			t.Errorf("%s: %+v", p.Name, m)
		}
	}
}

// TestAsker: asks by what is lost, and gives up when it is calm.
func TestAsker(t *testing.T) {
	a := NewAsker()
	hear := func(n int, ahead func(i int) int) (c Care) {
		for i := range n {
			c = a.Hear(ahead(i))
		}
		return c
	}
	every := func(n, lost int) func(int) int {
		return func(i int) int {
			if i%n == n-1 {
				return 1 + lost
			}
			return 1
		}
	}
	for _, c := range []struct {
		what string
		n    int
		how  func(int) int
		want Care
	}{
		{"at first", 1, every(1<<30, 0), Some},
		{"nothing lost for 10 s", 500, every(1<<30, 0), Least},
		{"one lost", 2, every(2, 1), Some},
		{"every twentieth lost alone", 1000, every(20, 1), Some},
		{"bursts of three, every second", 150, every(50, 3), Most},
		{"nothing lost for 30 s", 1500, every(1<<30, 0), Least},
		{"one comes late", 1, func(int) int { return -1 }, Least},
	} {
		if got := hear(c.n, c.how); got != c.want {
			t.Errorf("%s: asks for %d, want %d", c.what, got, c.want)
		}
	}
}

// TestLatePackets: what is overtaken by others is told from what is lost, and with the
// equations of lost ones nothing wrong comes out.
func TestLatePackets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, p := range all {
		for c := Some; c <= Most; c++ {
			s := newSending(p, c, 4000)
			lost := random(r, 0.1)
			var order []int
			for i := range s.packets {
				if !lost(i) {
					order = append(order, i)
				}
			}
			for i := range order[:len(order)-6] {
				if k := i + r.IntN(6); r.IntN(4) == 0 {
					order[i], order[k] = order[k], order[i]
				}
			}
			var rep Repairer
			there := len(order)
			for _, i := range order {
				rep.Take(p, uint16(i), &s.packets[i])
				for {
					seq, frame, ok := rep.Next(p)
					if !ok {
						break
					}
					there++
					if !bytes.Equal(frame, s.packets[seq].Frame) {
						t.Fatalf("%s, care %d: packet %d came back wrong", p.Name, c, seq)
					}
				}
			}
			if there < len(s.packets)*94/100 {
				t.Errorf("%s, care %d: %d of %d are there", p.Name, c, there, len(s.packets))
			}
		}
	}
}

// sending is a row of packets with what repairs them.
type sending struct{ packets []Payload }

func newSending(p *Profile, c Care, n int) *sending {
	r := rand.New(rand.NewPCG(9, 10))
	s := &sending{make([]Payload, n)}
	for i := range s.packets {
		v := &s.packets[i]
		*v = Payload{Mix: c, Frame: make([]byte, p.Mix(c).Frame), Repair: make([]byte, p.Mix(c).Repair)}
		for k := range v.Frame {
			v.Frame[k] = byte(r.Uint32())
		}
		if !p.Repair(v.Repair, uint16(i), c, func(back int) []byte {
			if back > i {
				return nil
			}
			return s.packets[i-back].Frame
		}) {
			v.Repair = nil
		}
	}
	return s
}

// TestField: each element but zero has an inverse, and sums can be multiplied.
func TestField(t *testing.T) {
	for a := range 256 {
		if got := products[a][inverse(byte(a))]; a > 0 && got != 1 {
			t.Errorf("%d times its inverse is %d", a, got)
		}
		for b := range 256 {
			if products[a][b] != products[b][a] || products[a][b^0x53] != products[a][b]^products[a][0x53] {
				t.Fatalf("%d times %d is %d", a, b, products[a][b])
			}
		}
	}
}

// BenchmarkRepairs takes packets of which a fifth is lost.
func BenchmarkRepairs(b *testing.B) {
	s := newSending(&Standard, Most, 1<<16)
	lost := random(rand.New(rand.NewPCG(1, 1)), 0.2)
	var rep Repairer
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; lost(i % 5000) {
			continue
		}
		rep.Take(&Standard, uint16(i), &s.packets[uint16(i)])
		for {
			if _, _, ok := rep.Next(&Standard); !ok {
				break
			}
		}
	}
}
