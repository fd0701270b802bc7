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
	return karatCanceller{p, g}, nil
}

// Cancel plays one frame and captures one.
func (c karatCanceller) Cancel(far, captured *[echo.Frame]int16) error {
	if err := c.Write((*device.Frame)(far)); err != nil {
		return err
	}
	c.heard.frame = *captured
	return c.Read((*device.Frame)(captured))
}

// given is a sound card whose microphone hears what it was given.
type given struct{ frame device.Frame }

func (g *given) Read(f *device.Frame) error {
	*f = g.frame
	return nil
}

func (g *given) Write(*device.Frame) error { return nil }
func (g *given) Close() error              { return nil }
