package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"karat/contrib/voicebench/echo"
)

var phoneNames = []string{"karat", "linphone", "baresip"}

// report writes RESULTS.md and the plots from the figures that are there.
func report(o options) error {
	dir := filepath.Join(o.root, "contrib/voicebench")
	var b strings.Builder
	fmt.Fprintf(&b, intro, runtime.NumCPU())
	if err := reportLoad(o, &b); err != nil {
		return err
	}
	for _, part := range []func(options, string, *strings.Builder) error{
		reportMixes, reportQuality, reportDelay, reportCost, reportLeak, reportEcho,
	} {
		if err := part(o, dir, &b); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(b.String()), 0o644)
}

const intro = `# What was measured

Made by ` + "`make bench-voice`" + ` (some half an hour; ` + "`go run ./contrib/voicebench -quick`" + ` takes a few). Do not edit: the next run writes it anew. All phones ran in the same run, on %d cores, as Debian 12 has them.

How it is measured, and what it does not say:

- Each call is made between two network namespaces over a line with 20 ms of delay each way. What a cell's name says happens to voice packets only, and alike in both directions; chance comes from a seed, so the n-th packet of each phone has the same fate. Bursts take 3 packets on average. Jitter is added delay, exponential with half of the figure as its mean and twice of it as its end, and nothing overtakes.
- The speech is one speaker's (Debian's asterisk-core-sounds-en-g722), 7 kHz wide: a second voice, other languages and full band are not covered.
- *Listening* (1 to 4.64) is in the manner of wideband PESQ, *NSIM* in that of ViSQOL, *ESTOI* as published; all of our own writing (contrib/voicebench/quality), and validated there. They order conditions; their values are not those of the programs they are modelled on. Nobody listened.
- Karat's and Linphone's calls are ZRTP and SRTP, baresip's SDES: it has no ZRTP.
- Three cells run at once, of three phones each. It costs all phones the same.
`

// reportLoad says how much else the machine did: calls are disturbed by it.
func reportLoad(o options, b *strings.Builder) error {
	disturbed := false
	for _, p := range parts {
		var l load
		there, err := o.kept("load-"+p.name, &l)
		if err != nil {
			return err
		}
		if there {
			fmt.Fprintf(b, "- Load of the machine around the part *%s*: %.1f before, %.1f after.\n", p.name, l.Before, l.After)
			if l.Failure != "" {
				fmt.Fprintf(b, "- **The part *%s* failed, and has no figures here**: %s\n", p.name, strings.ReplaceAll(l.Failure, "\n", "; "))
			}
			disturbed = disturbed || !l.Own && l.Before > float64(runtime.NumCPU())/2
		}
	}
	if disturbed {
		b.WriteString("\n**Other work ran on this machine during this run.** It delays phones that read files or sound cards by the clock, each call otherwise: figures are lower than they should be, and small differences mean nothing. Run it again on an idle machine.\n")
	}
	b.WriteString("\n")
	return nil
}

func reportQuality(o options, dir string, b *strings.Builder) error {
	var calls []call
	if there, err := o.kept("quality", &calls); err != nil || !there {
		return err
	}
	mean := means(calls)
	fmt.Fprintf(b, "## Quality under loss and jitter\n\n![Listening quality over loss](quality.png)\n\n")
	if len(mean) < len(cells()) {
		fmt.Fprintf(b, "This is a quick run: 16 s of speech, one call for each cell, %d cells of %d.\n\n", len(mean), len(cells()))
	}
	for _, m := range []struct {
		name string
		of   func(call) float64
		form string
	}{
		{"Listening", func(c call) float64 { return c.Listening }, "%.2f"},
		{"NSIM", func(c call) float64 { return c.NSIM }, "%.3f"},
		{"ESTOI", func(c call) float64 { return c.ESTOI }, "%.3f"},
		{"kbit/s with IP", func(c call) float64 { return c.Kbps }, "%.1f"},
		{"packet sizes", func(c call) float64 { return float64(c.Sizes) }, "%.0f"},
		{"packets lost, %", func(c call) float64 { return 100 * c.Missing }, "%.1f"},
	} {
		fmt.Fprintf(b, "| %s | %s |\n|---|---|---|---|\n", m.name, strings.Join(phoneNames, " | "))
		for _, c := range cells() {
			if _, measured := mean[c.Name]; !measured {
				continue
			}
			fmt.Fprintf(b, "| %s", c.Name)
			for _, p := range phoneNames {
				fmt.Fprintf(b, " | "+m.form, m.of(mean[c.Name][p]))
			}
			b.WriteString(" |\n")
		}
		b.WriteString("\n")
	}
	aims(mean, b)
	return plotQuality(mean, filepath.Join(dir, "quality.png"))
}

// means are the mean results by cell and phone.
func means(calls []call) map[string]map[string]call {
	sums, n := map[string]map[string]call{}, map[[2]string]float64{}
	for _, c := range calls {
		if sums[c.Cell] == nil {
			sums[c.Cell] = map[string]call{}
		}
		s := sums[c.Cell][c.Phone]
		s.Listening, s.NSIM, s.ESTOI, s.Kbps = s.Listening+c.Listening, s.NSIM+c.NSIM, s.ESTOI+c.ESTOI, s.Kbps+c.Kbps
		s.Missing, s.CPU, s.Memory = s.Missing+c.Missing, s.CPU+c.CPU, max(s.Memory, c.Memory)
		s.Sizes, s.Threads = max(s.Sizes, c.Sizes), max(s.Threads, c.Threads)
		sums[c.Cell][c.Phone] = s
		n[[2]string{c.Cell, c.Phone}]++
	}
	for name, cell := range sums {
		for p, s := range cell {
			k := n[[2]string{name, p}]
			s.Listening, s.NSIM, s.ESTOI, s.Kbps, s.Missing, s.CPU = s.Listening/k, s.NSIM/k, s.ESTOI/k, s.Kbps/k, s.Missing/k, s.CPU/k
			cell[p] = s
		}
	}
	return sums
}

// aims says how Karat does against what it wants to reach.
func aims(mean map[string]map[string]call, b *strings.Builder) {
	b.WriteString("Against the aims, by Listening:\n\n")
	say := func(what string, ours, theirs float64) {
		if ours == 0 || theirs == 0 {
			return
		}
		verdict := "not met"
		if ours >= theirs {
			verdict = "met"
		}
		fmt.Fprintf(b, "- %s: %.2f against %.2f, %s\n", what, ours, theirs, verdict)
	}
	of := func(cell, phone string) float64 { return mean[cell][phone].Listening }
	say("not below Linphone without loss", of("no loss", "karat"), of("no loss", "linphone"))
	say("at 20% what Linphone has at 5%", of("20%", "karat"), of("5%", "linphone"))
	say("at 10% in bursts what Linphone has at 10% spread", of("10% in bursts", "karat"), of("10%", "linphone"))
	ours, theirs := mean["no loss"]["karat"].Kbps, mean["no loss"]["linphone"].Kbps
	verdict := "met"
	if ours > theirs {
		verdict = "not met"
	}
	fmt.Fprintf(b, "- no more bytes on the wire than Linphone: %.1f against %.1f kbit/s, %s\n\n", ours, theirs, verdict)
}

func reportCost(o options, _ string, b *strings.Builder) error {
	var calls []call
	if there, err := o.kept("quality", &calls); err != nil || !there {
		return err
	}
	mean := means(calls)["no loss"]
	b.WriteString("## Cost\n\nMean of both ends of a call without loss, 8 s in its middle, with files for sound cards, so that no phone cancels echoes; memory is the peak. What it costs with sound cards is in the table of delays: Karat and Linphone cancel echoes there, baresip does not.\n\n| phone | CPU seconds a second | MB | threads |\n|---|---|---|---|\n")
	for _, p := range phoneNames {
		fmt.Fprintf(b, "| %s | %.3f | %.0f | %d |\n", p, mean[p].CPU, mean[p].Memory/1e6, mean[p].Threads)
	}
	b.WriteString("\n")
	return nil
}

func reportLeak(o options, _ string, b *strings.Builder) error {
	var all []finding
	if there, err := o.kept("leak", &all); err != nil || !there {
		return err
	}
	fmt.Fprintf(b, leakIntro, karatCalls, tellingStreams, middle.Seconds())
	for _, f := range all {
		fmt.Fprintf(b, "| %s | %s, %s | %.3f (%.3f to %.3f) | %.3f | %d, %d | %d |\n",
			f.Sender, f.A, f.B, f.AUC, f.Low, f.High, f.Chance, f.Windows[0], f.Windows[1], f.Sizes)
	}
	b.WriteString("\n")
	for _, f := range all {
		if f.Sender != "karat" && f.B == "silence" && f.AUC < bites {
			fmt.Fprintf(b, "**The test finds the sender that is known to tell by %q with an AUC of %.2f only** (%d windows, %.2f is asked for): that Karat is not found proves little against that kind of leak in this run.\n\n", f.Sender, f.AUC, f.Windows[0], bites)
		}
	}
	for _, f := range all {
		if f.Sender == "karat" && f.B == kinds[1] && f.High-f.Low > 0.08 {
			fmt.Fprintf(b, "The intervals of this run are wider than 0.08: %d windows are too few.\n\n", f.Windows[0])
		}
	}
	return nil
}

// bites is how well the test must find what is there.
const bites = 0.95

const leakIntro = `## What the packets tell

A classifier (boosted trees of one split, over gaps and sizes) tells windows of %[3]g seconds of speech from such of more speech (A/A), of digital silence, and of music, by nothing but when packets were sent and how large they are. The kinds follow each other in random order within each stream; %[1]d calls of Karat, of two streams each, and %[2]d streams of each sender that is known to tell ran at once, each on a line of its own. That they ran at once adds noise to all times, which makes telling harder: whether the test still bites, the last rows say. The times are the kernel's, taken within the sender's own system call: nobody on the line sees better ones. Muted microphones are not covered.

| sender | kinds | AUC (95%%) | chance is below | windows | packet sizes |
|---|---|---|---|---|---|
`

func reportEcho(o options, _ string, b *strings.Builder) error {
	var results []echo.Result
	if there, err := o.kept("echo", &results); err != nil || !there {
		return err
	}
	b.WriteString("## Echo\n\nKarat's processing of a sound card (media/apm) in three rooms made by the image method, without furniture or distortion. Near speech 6 dB above the echo; its hurt is the loss of ESTOI in double talk.\n\n")
	b.WriteString("| room | single talk from 2 s, dB | 2 s after a move, dB | near speech hurt by | and without cancelling |\n|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(b, "| %s | %.1f | %.1f | %.3f | %.3f |\n", r.Room, r.Single, r.Moved, r.Hurt, r.Uncancelled)
	}
	worst := slices.MinFunc(results, func(a, b echo.Result) int { return int(1000 * (a.Single - b.Single)) })
	hurt := slices.MaxFunc(results, func(a, b echo.Result) int { return int(1000 * (a.Hurt - b.Hurt)) })
	fmt.Fprintf(b, "\nThe aims are at least 30 dB (the least was %.1f) and under 0.1 (the most was %.3f).\n\n", worst.Single, hurt.Hurt)
	return nil
}
