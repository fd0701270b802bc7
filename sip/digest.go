package sip

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"karat/internal/secret"
	"karat/sip/dialog"
)

// maxAuthTries bounds how often one request is sent with credentials. A server
// that forgot its nonce needs two; a wrong password must not become a storm.
const maxAuthTries = 2

// algorithms that we can answer, strongest last (RFC 8760, Section 2.3). No
// algorithm means MD5 (RFC 2617).
var algorithms = []string{"", "MD5", "SHA-256", "SHA-512-256"}

// keyring answers digest challenges for one account.
type keyring struct {
	user     string
	password secret.Bytes
	domain   string

	mu sync.Mutex // guards what follows
	// realm is that of the registrar's first challenge. Only this one and the
	// account's domain are answered: another realm, such as a callee's, would get
	// something to try passwords against.
	realm string
	last  *digest.Challenge // of the registrar, for requests before the challenge
	count map[string]int    // uses of a nonce
}

// maxNonces bounds the nonces whose use is counted; a server has one at a time.
const maxNonces = 16

// credentialsField is the field that answers the challenge of a code.
func credentialsField(code int) (challenge, credentials string) {
	if code == sip.StatusProxyAuthRequired {
		return "Proxy-Authenticate", "Proxy-Authorization"
	}
	return "WWW-Authenticate", "Authorization"
}

// authorize answers a 401 or 407 to req; tries says how often credentials have
// been sent. It returns ErrAuth when they were wrong.
func (k *keyring) authorize(req *sip.Request, res *sip.Response, tries int) (dialog.Field, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	asks, answers := credentialsField(res.StatusCode)
	var challenges []*digest.Challenge
	for _, h := range res.GetHeaders(asks) {
		challenges = append(challenges, parseChallenges(h.Value())...)
	}
	chal := k.choose(challenges, req.Method == sip.REGISTER)
	if chal == nil {
		return dialog.Field{}, fmt.Errorf("%w: it asks in no way that we can answer", ErrAuth)
	}
	// A server that changed its nonce often fails to say stale=true, so any other
	// nonce than the one we used is taken as a new one.
	if tries >= maxAuthTries || tries > 0 && usedNonce(req, answers) == chal.Nonce && !chal.Stale {
		return dialog.Field{}, ErrAuth
	}
	if req.Method == sip.REGISTER {
		k.realm, k.last = chal.Realm, chal
	}
	return k.answer(chal, req, answers)
}

// beforehand makes credentials from the registrar's last challenge, so that a
// refresh needs no second try; ok is false where there is none.
func (k *keyring) beforehand(req *sip.Request) (f dialog.Field, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		return f, false
	}
	f, err := k.answer(k.last, req, "Authorization")
	return f, err == nil
}

// choose picks the strongest challenge that we know, of a realm that we answer.
func (k *keyring) choose(challenges []*digest.Challenge, registering bool) *digest.Challenge {
	var best *digest.Challenge
	for _, c := range challenges {
		known := c.Realm == k.domain || c.Realm == k.realm || registering && k.realm == ""
		if !known || strength(c) < 0 {
			continue
		}
		if best == nil || strength(c) > strength(best) {
			best = c
		}
	}
	return best
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

// usedNonce is the nonce of the credentials in a request of ours.
func usedNonce(req *sip.Request, field string) string {
	if chal := parseChallenge(dialog.Value(req, field)); chal != nil {
		return chal.Nonce
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
