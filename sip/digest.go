package sip

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"karat/internal/secret"
	"karat/sip/dialog"
)

const (
	// maxAuthTries bounds how often one request is sent with credentials for one
	// realm. A server that forgot its nonce needs two; a wrong password must not
	// become a storm.
	maxAuthTries = 2
	// maxRealms bounds the realms of one provider: its registrar, and proxies on
	// the way that ask too.
	maxRealms = 3
	// maxNonces bounds the nonces whose use is counted; a server has one at a time.
	maxNonces = 16
)

// algorithms that we can answer, strongest last (RFC 8760, Section 2.3). No
// algorithm means MD5 (RFC 2617).
var algorithms = []string{"", "MD5", "SHA-256", "SHA-512-256"}

// keyring answers digest challenges for one account.
type keyring struct {
	user     string
	password secret.Bytes
	domain   string
	// weak takes MD5, and challenges without qop: nobody but the provider sees the
	// answer, or the user has allowed it. allowed: the latter.
	weak, allowed bool

	mu sync.Mutex // guards what follows
	// realms are those that asked for a password when we registered. Only these and
	// the account's domain are answered: another realm, such as a callee's, would
	// get something to try passwords against. Once registered, no realm is added.
	realms     []realm
	registered bool
	count      map[string]int // uses of a nonce
}

// realm is who asks for the password in a REGISTER, and how it did last.
type realm struct {
	field string // that answers
	chal  *digest.Challenge
}

// kinds of challenges, with the fields that answer them. A proxy that asked
// several servers puts what they ask for into one response, whatever its code
// (RFC 3261, Section 16.7).
var kinds = []struct{ asks, answers string }{
	{"WWW-Authenticate", "Authorization"},
	{"Proxy-Authenticate", "Proxy-Authorization"},
}

// authorize answers a 401 or 407 to req, with the credentials for each realm
// that asks or has asked before. tries counts, by realm, how often credentials
// have been sent. It returns ErrAuth when they were wrong.
func (k *keyring) authorize(req *sip.Request, res *sip.Response, tries dialog.Tries) ([]dialog.Field, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fields, answered, err := k.answers(req, res, tries)
	if err != nil {
		return nil, err
	}
	// RFC 3261, Section 22.3: credentials that another server has asked for before
	// are sent on.
	for _, kind := range kinds {
		for _, h := range req.GetHeaders(kind.answers) {
			before := parseChallenge(h.Value())
			if before == nil || slices.Contains(answered, kind.answers+" "+before.Realm) {
				continue
			}
			f, err := k.answer(before, req, kind.answers)
			if err != nil {
				return nil, err
			}
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// answers are the credentials for what a response asks, and for which realms.
func (k *keyring) answers(req *sip.Request, res *sip.Response, tries dialog.Tries) (fields []dialog.Field, answered []string, err error) {
	registering := req.Method == sip.REGISTER
	reason := errNoWay
	for _, kind := range kinds {
		var challenges []*digest.Challenge
		for _, h := range res.GetHeaders(kind.asks) {
			challenges = append(challenges, parseChallenges(h.Value())...)
		}
		for _, name := range realmsOf(challenges) {
			chal, why := k.choose(challenges, name, registering)
			if chal == nil {
				reason = cmp.Or(why, reason)
				continue
			}
			// A server that changed its nonce often fails to say stale=true, so any other
			// nonce than the one we used is taken as a new one.
			used, id := usedNonce(req, kind.answers, name), kind.answers+" "+name
			if tries[id] >= maxAuthTries || used == chal.Nonce && !chal.Stale {
				return nil, nil, ErrAuth
			}
			tries[id]++
			if registering {
				k.learn(realm{kind.answers, chal})
			}
			f, err := k.answer(chal, req, kind.answers)
			if err != nil {
				return nil, nil, err
			}
			fields, answered = append(fields, f), append(answered, id)
		}
	}
	if len(fields) == 0 {
		return nil, nil, fmt.Errorf("%w: %w", ErrAuth, reason)
	}
	return fields, answered, nil
}

// realmsOf are the realms of challenges, each once, in their order.
func realmsOf(challenges []*digest.Challenge) []string {
	var names []string
	for _, c := range challenges {
		if !slices.Contains(names, c.Realm) {
			names = append(names, c.Realm)
		}
	}
	return names
}

// learn notes how a realm asks for the password of a registration.
func (k *keyring) learn(r realm) {
	for i, known := range k.realms {
		if known.field == r.field && known.chal.Realm == r.chal.Realm {
			k.realms[i] = r
			return
		}
	}
	k.realms = append(k.realms, r)
}

// accepted says that the registrar took us: no further realm is answered.
func (k *keyring) accepted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.registered = true
}

// beforehand makes credentials from the registrar's last challenges, so that a
// refresh needs no second try; none where there are none.
func (k *keyring) beforehand(req *sip.Request, tries dialog.Tries) (fields []dialog.Field) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.realms {
		if f, err := k.answer(r.chal, req, r.field); err == nil {
			fields = append(fields, f)
			tries[r.field+" "+r.chal.Realm] = 1
		}
	}
	return fields
}

// choose picks the strongest challenge of a realm that we know and may answer;
// nil: none, and why.
func (k *keyring) choose(challenges []*digest.Challenge, name string, registering bool) (*digest.Challenge, error) {
	at := slices.IndexFunc(k.realms, func(r realm) bool { return r.chal.Realm == name })
	if at < 0 && name != k.domain && (!registering || k.registered || len(k.realms) >= maxRealms) {
		return nil, nil
	}
	var best *digest.Challenge
	var why error
	for _, c := range challenges {
		switch {
		case c.Realm != name || strength(c) < 0:
		case isWeak(c) && !k.weak, !registering && !k.allowed && k.weaker(c, at):
			why = errWeak
		case best == nil || strength(c) > strength(best):
			best = c
		}
	}
	return best, why
}

// weaker tells whether a challenge asks for less than the registrar did: who is
// called can send one, too, and hopes for an answer that is easier to try
// passwords against. at is its realm among ours, -1: it is none of them.
func (k *keyring) weaker(c *digest.Challenge, at int) bool {
	known := k.realms
	if at >= 0 {
		known = k.realms[at : at+1]
	}
	return slices.ContainsFunc(known, func(r realm) bool {
		return strength(c) < strength(r.chal) && isWeak(c) || len(c.QOP) == 0 && len(r.chal.QOP) > 0
	})
}

// isWeak tells whether the answer to a challenge is easy to try passwords
// against: MD5, or without a number of our own (qop) in it.
func isWeak(c *digest.Challenge) bool {
	return len(c.QOP) == 0 || slices.Index(algorithms, strings.ToUpper(c.Algorithm)) < slices.Index(algorithms, "SHA-256")
}

// strength orders challenges; negative: one that we cannot answer.
func strength(c *digest.Challenge) int {
	if len(c.QOP) > 0 && !c.SupportsQOP("auth") || c.Nonce == "" {
		return -1
	}
	return slices.Index(algorithms, strings.ToUpper(c.Algorithm))
}

func (k *keyring) answer(chal *digest.Challenge, req *sip.Request, field string) (dialog.Field, error) {
	if k.count == nil || len(k.count) >= maxNonces {
		k.count = map[string]int{}
	}
	// RFC 7616, Section 3.4: nc counts the requests sent with this nonce.
	k.count[chal.Nonce]++
	one := *chal
	if len(one.QOP) > 0 {
		one.QOP = []string{"auth"} // auth-int breaks where anything touches bodies
	}
	cred, err := digest.Digest(&one, digest.Options{
		Method:   string(req.Method),
		URI:      req.Recipient.String(),
		Count:    k.count[chal.Nonce],
		Username: k.user,
		Password: string(k.password.Expose()), // a copy that Go keeps until collected
		Cnonce:   newID(),
	})
	if err != nil {
		return dialog.Field{}, fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return dialog.Field{Name: field, Value: cred.String()}, nil
}

// usedNonce is the nonce of the credentials for a realm in a request of ours.
func usedNonce(req *sip.Request, field, name string) string {
	for _, h := range req.GetHeaders(field) {
		if chal := parseChallenge(h.Value()); chal != nil && chal.Realm == name {
			return chal.Nonce
		}
	}
	return ""
}

// parseChallenges reads the value of a challenge field, which may hold several
// challenges. (The digest package reads one, in lower case, and does not take
// spaces in lists.)
func parseChallenges(value string) []*digest.Challenge {
	var all []*digest.Challenge
	var one []string
	flush := func() {
		if c := parseChallenge(strings.Join(one, ",")); c != nil {
			all = append(all, c)
		}
		one = nil
	}
	for _, part := range dialog.SplitList(value) {
		// A scheme starts the next challenge: "Digest realm=…".
		scheme, _, _ := strings.Cut(part, "=")
		if strings.ContainsAny(strings.TrimSpace(scheme), " \t") {
			flush()
		}
		one = append(one, part)
	}
	flush()
	return all
}

// parseChallenge reads one challenge; nil: it is none of Digest.
func parseChallenge(value string) *digest.Challenge {
	value = strings.TrimSpace(value)
	if !digest.IsDigest(value) {
		return nil
	}
	value, _ = digest.CutPrefix(value)
	c := &digest.Challenge{}
	for _, part := range dialog.SplitList(value) {
		name, v, _ := strings.Cut(part, "=")
		v = dialog.Unquote(strings.TrimSpace(v))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "realm":
			c.Realm = v
		case "nonce":
			c.Nonce = v
		case "opaque":
			c.Opaque = v
		case "algorithm":
			c.Algorithm = v
		case "stale":
			c.Stale = strings.EqualFold(v, "true")
		case "userhash":
			c.Userhash = strings.EqualFold(v, "true")
		case "qop":
			for q := range strings.SplitSeq(v, ",") {
				c.QOP = append(c.QOP, strings.ToLower(strings.TrimSpace(q)))
			}
		}
	}
	return c
}
