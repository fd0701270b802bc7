package nat

import (
	"context"
	"fmt"
	"net/netip"
)

// Roamer is a phone without a router, which goes from one network to another.
//
//	phone ┬ first  ┬ here: servers
//	      └ second ┘
type Roamer struct {
	// Networks are the two, in this order.
	Networks [2]Network
}

// Network is one that a Roamer can be in.
type Network struct {
	// Phone is the address that the phone has there.
	Phone netip.Addr
	// Link is the name of our end of the line: what is recorded there is all that
	// the phone sends and receives by that network.
	Link string

	gateway, device string
}

// roamer is the name of the phone's namespace.
const roamer = "roamer"

// NewRoamer makes one that is in the first network, and has no line to the second.
func NewRoamer(ctx context.Context) (*Roamer, error) {
	if err := begin(ctx); err != nil {
		return nil, err
	}
	r := &Roamer{}
	err := runAll(ctx, "ip netns add "+roamer, "ip -n "+roamer+" link set lo up")
	for i := range r.Networks {
		n := fmt.Sprint(i + 1)
		w := Network{
			Phone: netip.MustParseAddr("10.20" + n + ".0.2"), Link: "net" + n,
			gateway: "10.20" + n + ".0.1", device: "eth" + n,
		}
		if err == nil {
			err = runAll(ctx,
				"ip link add "+w.Link+" type veth peer name "+w.device+" netns "+roamer,
				"ip addr add "+w.gateway+"/24 dev "+w.Link, "ip link set "+w.Link+" up",
			)
		}
		r.Networks[i] = w
	}
	if err != nil {
		return nil, err
	}
	return r, r.join(ctx, r.Networks[0])
}

// Wrap is what to put before a command so that it runs on the phone.
func (r *Roamer) Wrap() []string { return []string{"ip", "netns", "exec", roamer} }

// Move takes the phone to the second network, and then out of the first.
func (r *Roamer) Move(ctx context.Context) error {
	if err := r.join(ctx, r.Networks[1]); err != nil {
		return err
	}
	return runAll(ctx, "ip -n "+roamer+" addr flush dev "+r.Networks[0].device, "ip -n "+roamer+" link set "+r.Networks[0].device+" down")
}

func (r *Roamer) join(ctx context.Context, w Network) error {
	return runAll(ctx,
		"ip -n "+roamer+" addr add "+w.Phone.String()+"/24 dev "+w.device, "ip -n "+roamer+" link set "+w.device+" up",
		"ip -n "+roamer+" route replace default via "+w.gateway,
	)
}
