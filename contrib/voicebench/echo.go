package main

import (
	"context"
	"fmt"

	"karat/contrib/voicebench/echo"
	"karat/media/apm"
	"karat/media/device"
)

// measureEcho lets the canceller that Karat uses work in each room.
func measureEcho(ctx context.Context, o options) error {
	far, err := recorded(ctx, o, sentences[0], sentences[2])
	if err != nil {
		return err
	}
	near, err := recorded(ctx, o, sentences[1], sentences[3])
	if err != nil {
		return err
	}
	const longest = 16 * echo.Rate
	far, near = far[:min(len(far), longest)], near[:min(len(near), longest)]
	var results []echo.Result
	for _, room := range echo.Rooms() {
		r, err := echo.Judge(room, far, near, newKaratCanceller)
		if err != nil {
			return err
		}
		fmt.Println(r)
		results = append(results, r)
	}
	return o.keep("echo", results)
}

// karatCanceller is Karat's processing of a sound card, around one that is
// given what it hears.
type karatCanceller struct {
	*apm.Processed
	heard *given
}

func newKaratCanceller() (echo.Canceller, error) {
	g := &given{}
	p, err := apm.Process(g)
	if err != nil {
		return nil, err
	}
	p.Play(func(samples []int16) { g.far = g.far[copy(samples, g.far):] })
	return karatCanceller{p, g}, nil
}

// Cancel plays one frame and captures one.
func (c karatCanceller) Cancel(far, captured *[echo.Frame]int16) error {
	c.heard.far = far[:]
	c.heard.speak()
	c.heard.frame = *captured
	return c.Read((*device.Frame)(captured))
}

// given is a sound card whose microphone hears what it was given, and whose speaker
// plays when it is told to.
type given struct {
	frame device.Frame
	far   []int16 // what is to be played
	fill  func(samples []int16)
	block [echo.Frame / 2]int16
}

// speak plays 20 ms, as a card does: 10 ms at a time.
func (g *given) speak() {
	for range 2 {
		g.fill(g.block[:])
	}
}

func (g *given) Read(f *device.Frame) error {
	*f = g.frame
	return nil
}

// Play keeps who is asked.
func (g *given) Play(fill func(samples []int16)) { g.fill = fill }

// Close does nothing.
func (g *given) Close() error { return nil }
