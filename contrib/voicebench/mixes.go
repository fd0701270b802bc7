package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"karat/contrib/voicebench/quality"
	"karat/media/codec"
	"karat/media/profile"
)

// mix is a way to divide the bytes of a packet, computed without a network, a
// clock or a playout buffer: what is given back in time counts as in time. It is
// how package profile's mixes were chosen.
type mix struct {
	Name      string
	bytes     int
	redundant bool         // by libopus
	care      profile.Care // of the mixes between Karats
	between   bool
	// Scores by the lines of mixLines.
	Scores []quality.Report
}

func mixes() []mix {
	standard := &profile.Standard
	all := []mix{
		{Name: "to others, while they report no loss", bytes: standard.Bytes},
		{Name: "to others, with LBRR", bytes: standard.Bytes, redundant: true},
	}
	for care, name := range []string{"between Karats, least care", "some care", "most care"} {
		c := profile.Care(care)
		all = append(all, mix{Name: name, bytes: standard.Mix(c).Frame, care: c, between: true})
	}
	return all
}

// mixLines are the losses that mixes are tried with.
var mixLines = []struct {
	name        string
	loss, burst float64
}{
	{"no loss", 0, 1},
	{"5%", 0.05, 1},
	{"10%", 0.1, 1},
	{"20%", 0.2, 1},
	{"5% in bursts", 0.05, meanBurst},
	{"10% in bursts", 0.1, meanBurst},
}

// lookAhead is how much later than it was said an encoder's sound comes, at 48 kHz:
// 6.5 ms.
const lookAhead = 312

func measureMixes(ctx context.Context, o options) error {
	var voices [][]int16
	for _, v := range speakers {
		pcm, err := recordedBy(ctx, o, v, sentences[0])
		if err != nil {
			return err
		}
		voices = append(voices, pcm[:min(len(pcm), 12*quality.Rate)])
	}
	all := mixes()
	errs := make(chan error, len(all))
	slots := make(chan struct{}, runtime.NumCPU())
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := all[i].score(voices); err != nil {
				errs <- err
				return
			}
			fmt.Printf("%-38s", all[i].Name)
			for _, s := range all[i].Scores {
				fmt.Printf(" %.2f", s.Listening)
			}
			fmt.Println()
		})
	}
	group.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	return o.keep("mixes", all)
}

// score fills Scores with the mean over the voices.
func (m *mix) score(voices [][]int16) error {
	m.Scores = make([]quality.Report, len(mixLines))
	for v, pcm := range voices {
		for i, line := range mixLines {
			r, err := m.hear(pcm, lossTrace(len(pcm)/frameSamples, line.loss, line.burst, uint64(v)))
			if err != nil {
				return err
			}
			s := &m.Scores[i]
			n := float64(len(voices))
			s.Listening, s.NSIM, s.ESTOI = s.Listening+r.Listening/n, s.NSIM+r.NSIM/n, s.ESTOI+r.ESTOI/n
		}
	}
	return nil
}

// lossTrace tells which packets are lost: a chain of two states, whose bursts have
// a mean length.
func lossTrace(n int, loss, burst float64, seed uint64) []bool {
	r := rand.New(rand.NewPCG(seed, 77))
	lost := make([]bool, n)
	leave := (1 - loss) / burst
	if burst > 1 {
		leave = 1 / burst
	}
	enter := leave * loss / (1 - loss)
	bad := false
	for i := range lost {
		if bad {
			bad = r.Float64() >= leave
		} else {
			bad = r.Float64() < enter
		}
		lost[i] = bad
	}
	return lost
}

// hear encodes, loses, repairs, decodes and compares.
func (m *mix) hear(pcm []int16, lost []bool) (quality.Report, error) {
	sent, err := m.encode(pcm)
	if err != nil {
		return quality.Report{}, err
	}
	came := make([][]byte, len(sent))
	for i := range sent {
		if !lost[i] {
			came[i] = sent[i]
		}
	}
	if m.between {
		m.repair(sent, came)
	}
	heard, err := m.decode(came)
	if err != nil {
		return quality.Report{}, err
	}
	return quality.Aligned(pcm[:len(heard)-lookAhead], heard[lookAhead:]), nil
}

func (m *mix) encode(pcm []int16) (sent [][]byte, err error) {
	e, err := codec.NewEncoder(frameSamples, m.bytes, m.redundant)
	if err != nil {
		return nil, err
	}
	for ; len(pcm) >= frameSamples; pcm = pcm[frameSamples:] {
		b := make([]byte, m.bytes)
		if err := e.Encode(b, pcm[:frameSamples]); err != nil {
			return nil, err
		}
		sent = append(sent, b)
	}
	return sent, nil
}

// repair puts what can be given back in time where it is missing.
func (m *mix) repair(sent, came [][]byte) {
	p := &profile.Standard
	var r profile.Repairer
	for i := range sent {
		v := profile.Payload{Mix: m.care, Frame: sent[i], Repair: make([]byte, p.Mix(m.care).Repair)}
		if !p.Repair(v.Repair, uint16(i), m.care, func(back int) []byte {
			if back > i {
				return nil
			}
			return sent[i-back]
		}) {
			v.Repair = nil
		}
		if came[i] == nil {
			continue
		}
		r.Take(p, uint16(i), &v)
		for {
			seq, frame, ok := r.Next(p)
			if !ok {
				break
			}
			if back := int(uint16(i) - seq); back <= profile.MaxBack {
				came[i-back] = append([]byte(nil), frame...)
			}
		}
	}
}

func (m *mix) decode(came [][]byte) (heard []int16, err error) {
	d, err := codec.NewDecoder()
	if err != nil {
		return nil, err
	}
	var pcm [codec.MaxSamples]int16
	for i, b := range came {
		switch {
		case b != nil:
			_, err = d.Decode(&pcm, b)
		case m.redundant && i+1 < len(came) && came[i+1] != nil:
			err = d.Recover(pcm[:frameSamples], came[i+1])
		default:
			err = d.Conceal(pcm[:frameSamples])
		}
		if err != nil {
			return nil, err
		}
		heard = append(heard, pcm[:frameSamples]...)
	}
	return heard, nil
}

func reportMixes(o options, _ string, b *strings.Builder) error {
	var all []mix
	if there, err := o.kept("mixes", &all); err != nil || !there {
		return err
	}
	b.WriteString("## How the bytes are divided\n\nListening, of what Karat's encoder, repairs and decoder make of three speakers (English, French and Russian) under losses that are the same for all, in one program without network, clock or buffer: the same figures in each run. With which care Karat sends goes by the losses that its peer finds (media/profile).\n\n| |")
	for _, l := range mixLines {
		fmt.Fprintf(b, " %s |", l.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(mixLines)) + "\n")
	for _, m := range all {
		fmt.Fprintf(b, "| %s |", m.Name)
		for _, s := range m.Scores {
			fmt.Fprintf(b, " %.2f |", s.Listening)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return nil
}

// speakers are folders of recordings of one voice each.
var speakers = []string{soundFolder, filepath.Join(filepath.Dir(soundFolder), "fr_CA_f_June"), filepath.Join(filepath.Dir(soundFolder), "ru_RU_f_IvrvoiceRU")}
