package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connect makes a connection from 10.0.0.1 to 10.0.0.2.
func connect(t *testing.T, n *Network) (near, far net.Conn) {
	t.Helper()
	a, b := n.Host("10.0.0.1"), n.Host("10.0.0.2")
	l, err := b.Listen(context.Background(), "tcp", "10.0.0.2:5061")
	if err != nil {
		t.Fatal(err)
	}
	near, err = a.Dial(context.Background(), "tcp", "10.0.0.2:5061")
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestStreamTakesARoundTripToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Plan: Delay(50 * time.Millisecond)})
		defer n.Close()
		start := time.Now()
		near, far := connect(t, n)
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("connected after %v, want 100ms", d)
		}
		if near.LocalAddr().String() != far.RemoteAddr().String() || near.RemoteAddr().String() != far.LocalAddr().String() {
			t.Errorf("addresses %v, %v and %v, %v", near.LocalAddr(), near.RemoteAddr(), far.LocalAddr(), far.RemoteAddr())
		}
		start = time.Now()
		near.Write([]byte("hello"))
		near.Close()
		got, err := io.ReadAll(far)
		if err != nil || string(got) != "hello" || time.Since(start) != 50*time.Millisecond {
			t.Errorf("read %q, %v after %v", got, err, time.Since(start))
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to a closed end: %v", err)
		}
	})
}

// TestStreamStaysWhole: whatever the plan, all bytes arrive in order.
func TestStreamStaysWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Seed: 3, Plan: Loss(0.2, Duplicate(0.2, time.Millisecond, Jitter(time.Second, Delay(0))))})
		defer n.Close()
		near, far := connect(t, n)
		sent := make([]byte, 3*maxWindow) // Write must block and go on
		r := rand.New(rand.NewPCG(1, 2))
		for i := range sent {
			sent[i] = byte(r.Uint32())
		}
		go func() {
			for b := sent; len(b) > 0; {
				k := min(len(b), 1+r.IntN(9000))
				if _, err := near.Write(b[:k]); err != nil {
					t.Error(err)
				}
				b = b[k:]
			}
			near.(*Conn).CloseWrite()
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read %d bytes of %d, equal %v: %v", len(got), len(sent), bytes.Equal(got, sent), err)
		}
		if _, err := far.Write([]byte("after half-close")); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamLossCostsAResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		defer n.Close()
		near, far := connect(t, n)
		first := true
		n.SetPlan(func(Packet, *rand.Rand) []Delivery {
			if first {
				first = false
				return nil
			}
			return []Delivery{{After: 10 * time.Millisecond}}
		})
		start := time.Now()
		near.Write([]byte("x"))
		if _, err := far.Read(make([]byte, 1)); err != nil || time.Since(start) != resend+10*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestStreamBreaksWhenNothingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		defer n.Close()
		near, far := connect(t, n)
		n.SetPlan(func(Packet, *rand.Rand) []Delivery { return nil })
		start := time.Now()
		near.Write([]byte("x"))
		_, err := far.Read(make([]byte, 1))
		if !errors.Is(err, syscall.ETIMEDOUT) || time.Since(start) != maxResends*resend {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("writing: %v", err)
		}
	})
}

func TestStreamDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		defer n.Close()
		near, far := connect(t, n)
		near.SetDeadline(time.Now().Add(time.Second))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading: %v", err)
		}
		near.SetDeadline(time.Now().Add(time.Second))
		sent, err := near.Write(make([]byte, maxWindow+1))
		if sent != maxWindow || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing more than the window: %d, %v", sent, err)
		}
		closed := make(chan error)
		go func() {
			near.SetDeadline(time.Time{})
			_, err := near.Write([]byte("x"))
			closed <- err
		}()
		synctest.Wait()
		far.Close()
		if err := <-closed; !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the peer closed: %v", err)
		}
		near.Close()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading after Close: %v", err)
		}
	})
}

func TestDialRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Plan: Delay(time.Second)})
		defer n.Close()
		a, b := n.Host("10.0.0.1"), n.Host("10.0.0.2")
		ctx := context.Background()
		if _, err := a.Dial(ctx, "tcp", "10.0.0.2:5061"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		if _, err := a.Dial(ctx, "tcp", "10.0.0.3:5061"); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("no such host: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if _, err := a.Dial(short, "tcp", "10.0.0.2:5061"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ended: %v", err)
		}
		l, err := b.Listen(ctx, "tcp", ":5061")
		if err != nil {
			t.Fatal(err)
		}
		for range maxBacklog {
			if _, err := a.Dial(ctx, "tcp", "10.0.0.2:5061"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Dial(ctx, "tcp", "10.0.0.2:5061"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the backlog is full: %v", err)
		}
		accepted := make(chan error)
		l.Close()
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting after Close: %v", err)
		}
	})
}
