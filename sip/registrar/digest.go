package registrar

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"strconv"
	"strings"
	"time"

	"karat/internal/secret"
)

// maxNonces is how many nonces in use are remembered with their counts.
const maxNonces = 4096

// algorithms that can be asked for (RFC 8760, Section 2.1). MD5 is there
// because providers use it, not because it is good.
var algorithms = map[string]func() hash.Hash{"SHA-256": sha256.New, "MD5": md5.New}

// verdict on credentials.
type verdict int

const (
	accepted verdict = iota
	missing          // or not ours
	stale            // right, but the nonce is old or used
	wrong
)

// digest checks credentials (RFC 7616). Its nonces carry their time and a seal,
// so that only counts are remembered.
type digest struct {
	realm  string
	offer  []string // algorithms, best first
	life   time.Duration
	users  map[string]secret.Bytes
	seal   []byte
	counts map[string]nonceUse
	swept  time.Time // when those that nobody may use any more were last dropped
}

type nonceUse struct {
	count   uint64
	expires time.Time
}

func newDigest(realm string, offer []string, life time.Duration, users map[string]secret.Bytes) *digest {
	d := &digest{realm: realm, offer: offer, life: life, users: users, seal: make([]byte, 32), counts: map[string]nonceUse{}}
	rand.Read(d.seal) // never fails (crypto/rand)
	return d
}

// challenges are the header values to answer with.
func (d *digest) challenges(now time.Time, isStale bool) (values []string) {
	for _, algorithm := range d.offer {
		v := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, d.realm, d.nonce(now), algorithm)
		if isStale {
			v += ", stale=true"
		}
		values = append(values, v)
	}
	return values
}

// nonce is the time, something random, and a seal over both.
func (d *digest) nonce(now time.Time) string {
	text := fmt.Sprintf("%x.%s", now.UnixNano(), rand.Text())
	return text + "." + d.sealOf(text)
}

func (d *digest) sealOf(text string) string {
	h := hmac.New(sha256.New, d.seal)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// made is when we made the nonce; false: we did not.
func (d *digest) made(nonce string) (time.Time, bool) {
	i := strings.LastIndexByte(nonce, '.')
	if i < 0 || subtle.ConstantTimeCompare([]byte(d.sealOf(nonce[:i])), []byte(nonce[i+1:])) != 1 {
		return time.Time{}, false
	}
	stamp, _, _ := strings.Cut(nonce, ".")
	ns, err := strconv.ParseInt(stamp, 16, 64)
	return time.Unix(0, ns), err == nil
}

// check looks for credentials for our realm among header values and names the
// user.
func (d *digest) check(now time.Time, method string, values []string) (string, verdict) {
	for _, v := range values {
		scheme, rest, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "Digest") {
			continue
		}
		c := credentials(parseParams(splitList(rest, ',')))
		if c.get("realm") == d.realm {
			return c.get("username"), d.verify(now, method, c)
		}
	}
	return "", missing
}

// credentials are the parameters of an Authorization header.
type credentials params

func (c credentials) get(name string) string {
	v, _ := params(c).get(name)
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		v = strings.ReplaceAll(v[1:len(v)-1], `\`, "")
	}
	return v
}

func (d *digest) verify(now time.Time, method string, c credentials) verdict {
	password, known := d.users[c.get("username")]
	expected, ok := response(method, c, d.realm, password)
	if !ok || subtle.ConstantTimeCompare([]byte(expected), []byte(c.get("response"))) != 1 || !known {
		return wrong
	}
	made, ours := d.made(c.get("nonce"))
	count, err := strconv.ParseUint(c.get("nc"), 16, 32)
	if !ours || err != nil || now.Sub(made) > d.life || !d.use(now, c.get("nonce"), count) {
		return stale
	}
	return accepted
}

// response is what the user's phone should have computed (RFC 7616,
// Section 3.4.1); without qop it is refused.
func response(method string, c credentials, realm string, password secret.Bytes) (string, bool) {
	name := strings.ToUpper(c.get("algorithm"))
	if name == "" {
		name = "MD5"
	}
	newHash, ok := algorithms[name]
	if !ok || c.get("qop") != "auth" {
		return "", false
	}
	h := func(parts ...string) string {
		sum := newHash()
		sum.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum.Sum(nil))
	}
	who := h(c.get("username"), realm, string(password.Expose()))
	what := h(method, c.get("uri"))
	return h(who, c.get("nonce"), c.get("nc"), c.get("cnonce"), "auth", what), true
}

// use remembers a nonce's count, which must grow; what it forgets for lack of
// room counts as used.
func (d *digest) use(now time.Time, nonce string, count uint64) bool {
	d.sweep(now)
	last, known := d.counts[nonce]
	if count <= last.count || !known && len(d.counts) >= maxNonces {
		return false
	}
	// A copy: the nonce is a piece of the whole message.
	d.counts[strings.Clone(nonce)] = nonceUse{count, now.Add(d.life)}
	return true
}

// sweep drops nonces that are stale by now, once in their life and when there is no
// room.
func (d *digest) sweep(now time.Time) {
	if now.Sub(d.swept) < d.life && len(d.counts) < maxNonces {
		return
	}
	d.swept = now
	maps.DeleteFunc(d.counts, func(_ string, u nonceUse) bool { return now.After(u.expires) })
}
