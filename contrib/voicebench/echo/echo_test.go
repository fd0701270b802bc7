package echo_test

import (
	"math"
	"testing"

	"karat/contrib/voicebench/echo"
	"karat/media/wav"
)

func speech(t testing.TB, name string) []int16 {
	t.Helper()
	a, err := wav.ReadFile("../../../testdata/speech/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	pcm := a.At48k()
	for len(pcm) < 10*echo.Rate {
		pcm = append(pcm, pcm...)
	}
	return pcm[:10*echo.Rate]
}

// cancellers whose result is known beforehand.
type (
	none    struct{}
	mute    struct{}
	quieter struct{}
)

func (none) Cancel(_, _ *[echo.Frame]int16) error { return nil }

func (mute) Cancel(_, captured *[echo.Frame]int16) error {
	clear(captured[:])
	return nil
}

func (quieter) Cancel(_, captured *[echo.Frame]int16) error {
	for i := range captured {
		captured[i] /= 10
	}
	return nil
}

func judge(t *testing.T, room echo.Room, c func() echo.Canceller) echo.Result {
	t.Helper()
	r, err := echo.Judge(room, speech(t, "bob"), speech(t, "alice"), func() (echo.Canceller, error) { return c(), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	return r
}

func TestKnownCancellers(t *testing.T) {
	office := echo.Rooms()[0]
	if r := judge(t, office, func() echo.Canceller { return none{} }); math.Abs(r.Single) > 0.1 || math.Abs(r.Moved) > 0.1 || math.Abs(r.Hurt-r.Uncancelled) > 0.001 || r.Hurt < 0.02 {
		t.Errorf("none at all: %v", r)
	}
	if r := judge(t, office, func() echo.Canceller { return mute{} }); r.Single < 60 || r.Hurt < 0.5 {
		t.Errorf("silence takes the echo and the speech: %v", r)
	}
	if r := judge(t, office, func() echo.Canceller { return quieter{} }); math.Abs(r.Single-20) > 0.5 || math.Abs(r.Hurt-r.Uncancelled) > 0.03 {
		t.Errorf("a tenth of the level is 20 dB, and no help: %v", r)
	}
}

// TestRoomsDiffer: each is more reverberant than the one before.
func TestRoomsDiffer(t *testing.T) {
	var last float64
	for _, room := range echo.Rooms() {
		early, all := room.Energies()
		t.Logf("%s: %.3f of the energy within 50 ms of the direct sound", room.Name, early/all)
		if share := 1 - early/all; share <= last {
			t.Errorf("%s is not more reverberant than the one before", room.Name)
		} else {
			last = share
		}
	}
	if _, err := echo.Judge(echo.Rooms()[0], nil, nil, nil); err == nil {
		t.Error("no speech at all is judged")
	}
}
