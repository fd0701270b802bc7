package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

const (
	// registerFor is the expiry we ask for. What the registrar grants counts.
	registerFor = 30 * time.Minute
	// longestExpiry bounds what a registrar may demand or grant.
	longestExpiry = 24 * time.Hour
	// shortestExpiry is taken for all that is shorter: who grants a second would have
	// us register without end.
	shortestExpiry = 10 * time.Second
	// refreshAt is the part of the granted time after which we refresh: room for
	// two tries of 32 s each in most grants.
	refreshNumerator, refreshDenominator = 3, 4
	// firstWord is for how long a server that has said nothing yet keeps us from the
	// next one. A datagram has been sent five times by then (RFC 3261, Section
	// 17.1.1.2: at 0, 0.5, 1.5, 3.5 and 7.5 s); the 32 s of the RFC are for where
	// there is nobody else to ask.
	firstWord = 8 * time.Second
	// maxRegisterTries bounds the requests of one registration: credentials and a
	// new nonce for each realm, a longer expiry, and what comes after.
	maxRegisterTries = 2 + maxAuthTries*maxRealms
)

// line is the account's connection to its registrar: a flow and a registration
// on it, kept up by one goroutine.
type line struct {
	agent  *Agent
	aor    string // without parameters
	domain string
	hop    hop
	unsaid bool     // the account names no transport
	names  []string // for the certificate
	keys   *keyring
	user   string // of Contact
	// webHost is its host on a WebSocket.
	webHost string
	// agentName is what requests say of the program; empty: nothing.
	agentName string
	instance  *instance // nil: none is shown

	mu     sync.Mutex // guards flow, public and routes
	flow   *flow
	public string   // where the server saw our last REGISTER come from
	routes []string // that calls begin with

	// What follows belongs to the goroutine, and to unregister after it.
	callID, tag string
	seq         uint32
	bound       bool // the registrar has a binding of ours
	done        chan struct{}
	renew       chan struct{} // register now
	again       chan struct{} // try now what waits
	hurry       atomic.Bool   // the next registration has to be answered soon
	proof       atomic.Int32  // what proves that the server is there
	refused     atomic.Bool   // for good: nothing is asked any more
}

func newLine(a *Agent, acc *Account) (*line, error) {
	uri, err := parseURI(acc.AOR)
	if err != nil {
		return nil, fmt.Errorf("the account's address: %w", err)
	}
	if uri.User == "" {
		return nil, fmt.Errorf("the account's address has no user: %w", ErrAddress)
	}
	l := &line{
		agent: a, aor: "sip:" + uri.User + "@" + uri.Host, domain: strings.Trim(uri.Host, "[]"),
		user: acc.ContactUser, webHost: webHost(), agentName: acc.UserAgent,
		callID: newID(), tag: newID(), done: make(chan struct{}), renew: make(chan struct{}, 1), again: make(chan struct{}, 1),
	}
	if l.hop, l.unsaid, err = accountHop(cmp.Or(acc.Registrar, acc.AOR)); err != nil {
		return nil, fmt.Errorf("the account's registrar: %w", err)
	}
	if acc.NoUDP && l.hop.kind == udp {
		return nil, errNoUDP
	}
	l.names = []string{l.domain}
	switch {
	case l.hop.kind.web():
		// RFC 7118, Section 9.1: by the rules of the web, not by those of SIP domains.
		l.names = []string{l.hop.host}
	case acc.Registrar != "" && l.hop.host != l.domain:
		l.names = append(l.names, l.hop.host)
	}
	if l.user == "" {
		l.user = newID()
	}
	if acc.Instance {
		l.instance = newInstance()
	}
	if !printable(l.agentName) {
		return nil, errUserAgent
	}
	if u, err := parseURI("sip:" + l.user + "@" + nobody); err != nil || u.User != l.user {
		return nil, fmt.Errorf("the user of the account's Contact: %w", ErrAddress)
	}
	l.keys = &keyring{
		user: acc.AuthUser, password: acc.Password, domain: l.domain,
		weak: l.hop.kind.secure() || acc.WeakDigest, allowed: acc.WeakDigest,
	}
	if l.keys.user == "" {
		l.keys.user = uri.User
	}
	return l, nil
}

// contact is our Contact: a user, and a host that says nothing.
func (l *line) contact(kind transport) string {
	host := nobody
	if kind.web() {
		host = l.webHost
	}
	return "<sip:" + l.user + "@" + host + transportParam(kind) + ">"
}

// register sends REGISTER, as often as challenges and 423 make it necessary.
// An expiry of 0 removes the binding. It may have to be done by TCP (errLarge).
func (l *line) register(ctx context.Context, f *flow, expires time.Duration) (granted time.Duration, err error) {
	var credentials []dialog.Field
	tries := dialog.Tries{}
	for range maxRegisterTries {
		req, err := l.build(f, expires, credentials)
		if err != nil {
			return 0, err
		}
		if len(credentials) == 0 {
			if fields := l.keys.beforehand(req, tries); len(fields) > 0 {
				// Once more, with the credentials that are made for this request.
				l.seq--
				if req, err = l.build(f, expires, fields); err != nil {
					return 0, err
				}
			}
		}
		if l.agent.tooLarge(way{f, f.remote}, req) {
			return 0, errLarge
		}
		res, err := l.agent.roundTrip(ctx, f, req)
		if err != nil {
			return 0, err
		}
		switch code := res.StatusCode; {
		case code < 300:
			l.keys.accepted()
			l.moved(res)
			l.follow(res)
			l.instance.registered(res, l.own(res))
			return l.granted(res, expires), nil
		case code == sip.StatusUnauthorized || code == sip.StatusProxyAuthRequired:
			if credentials, err = l.keys.authorize(req, res, tries); err != nil {
				return 0, err
			}
		case code == sip.StatusIntervalToBrief:
			// RFC 3261, Section 10.2.8: retry with at least Min-Expires.
			least, ok := seconds(dialog.Value(res, "Min-Expires"))
			if !ok || least <= expires || least > longestExpiry {
				return 0, &StatusError{Code: code}
			}
			expires, credentials, tries = least, nil, dialog.Tries{}
		case l.instance.lacking(code):
			credentials, tries = nil, dialog.Tries{}
		default:
			return 0, refusal(res)
		}
	}
	return 0, fmt.Errorf("%w: it never stops asking", ErrAuth)
}

// follow notes the way that the registrar wants calls to take.
//
// RFC 3608, Section 6.1: what it names takes the place of what it named before; it
// names nothing: there is none. RFC 3327, Section 5.1: a Path is the way to us, and
// never one of ours.
func (l *line) follow(res *sip.Response) {
	routes := dialog.ServiceRoutes(res)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.routes = routes
}

// serviceRoutes is the way that a call begins with now.
func (l *line) serviceRoutes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.routes
}

// build makes the next REGISTER. RFC 3261, Section 10.2: Call-ID stays, CSeq
// goes up.
func (l *line) build(f *flow, expires time.Duration, credentials []dialog.Field) (*sip.Request, error) {
	l.seq++
	return dialog.Outgoing{
		Method: "REGISTER", URI: "sip:" + hostOf(l.aor),
		Via: f.via(), Branch: newID(),
		From: "<" + l.aor + ">;tag=" + l.tag, To: "<" + l.aor + ">",
		CallID: l.callID, Seq: l.seq, Contact: l.contact(f.kind) + l.instance.params(),
		Extra: slices.Concat(credentials, l.userAgent(), []dialog.Field{
			{Name: "Supported", Value: l.instance.options()},
			{Name: "Expires", Value: strconv.Itoa(int(expires / time.Second))},
		}),
	}.Build()
}

func hostOf(aor string) string {
	_, host, _ := strings.Cut(aor, "@")
	return host
}

// granted is how long the registrar keeps our binding. RFC 3261, Section
// 10.2.4: the expires parameter of our Contact, else the Expires field; with
// neither, what we asked for.
func (l *line) granted(res *sip.Response, asked time.Duration) time.Duration {
	granted := asked
	if d, ok := seconds(dialog.Value(res, "Expires")); ok {
		granted = d
	}
	if p, ok := l.own(res).Param("expires"); ok {
		if d, ok := seconds(p); ok {
			granted = d
		}
	}
	return min(max(granted, shortestExpiry), longestExpiry)
}

// own is our binding among the account's others in an answer to REGISTER; empty: it
// is not there.
func (l *line) own(res *sip.Response) (own dialog.Address) {
	for _, value := range dialog.Values(res, "Contact") {
		c := dialog.ParseAddress(value)
		// Some registrars rewrite the host or add parameters: the user is ours.
		if u, err := parseURI(c.URI); err == nil && u.User == l.user {
			own = c
		}
	}
	return own
}

// seconds reads delta-seconds.
func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// unregister removes our binding, as far as ctx allows. It is called after run
// was told to end.
func (l *line) unregister(ctx context.Context) {
	<-l.done
	f := l.current()
	if !l.bound || f == nil {
		return
	}
	if _, _, err := l.enlist(ctx, f, 0); err != nil {
		l.agent.log.Info("sip: unregistering failed", "why", err)
	}
}

// roundTrip sends a request and waits for its final response.
func (a *Agent) roundTrip(ctx context.Context, f *flow, req *sip.Request) (*sip.Response, error) {
	type outcome struct {
		res *sip.Response
		err error
	}
	result := make(chan outcome, 1)
	offer := func(o outcome) {
		select {
		case result <- o:
		default:
		}
	}
	err := a.stack.request(f, req, netip.AddrPort{},
		func(res *sip.Response) {
			if res.StatusCode >= 200 {
				offer(outcome{res: res})
			}
		},
		func(err error) {
			if err == nil || errors.Is(err, ErrNoResponse) {
				err = ErrUnreachable
			}
			offer(outcome{err: err})
		})
	if err != nil {
		return nil, err
	}
	var unheard <-chan time.Time
	if f.others && f.came.Load() == 0 {
		t := time.NewTimer(firstWord)
		defer t.Stop()
		unheard = t.C
	}
	select {
	case o := <-result:
		return o.res, o.err
	case <-unheard:
		return nil, fmt.Errorf("%w: it does not answer", ErrUnreachable)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
