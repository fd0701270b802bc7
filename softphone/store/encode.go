package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"karat/internal/secret"
)

// insideVersion counts the changes of the format below. Any change of a field,
// an added one too, makes a new version.
const insideVersion = 7 // 2: relays; 3: weak digests; 4: User-Agent, anonymous, emergency; 5: certificates, pins; 6: request keys; 7: SOCKS

// The types of the inside. They are apart from those of the API, so that the
// file does not change when the API does; byte strings are base64 (JSON's way
// in Go). Here, and nowhere else, secrets are exposed.
type (
	insideJSON struct {
		Version    int           `json:"version"`
		Generation uint64        `json:"generation"`
		DirectZID  []byte        `json:"direct_zid"`
		Accounts   []accountJSON `json:"accounts,omitempty"`
		Contacts   []contactJSON `json:"contacts,omitempty"`
		Unnamed    []peerJSON    `json:"unnamed,omitempty"`
		Settings   settingsJSON  `json:"settings"`
	}
	accountJSON struct {
		AOR         string     `json:"aor"`
		Registrar   string     `json:"registrar,omitempty"`
		AuthUser    string     `json:"auth_user,omitempty"`
		Password    []byte     `json:"password,omitempty"`
		CA          []byte     `json:"ca,omitempty"`
		ZID         []byte     `json:"zid"`
		ContactUser string     `json:"contact_user,omitempty"`
		WeakDigest  bool       `json:"weak_digest,omitempty"`
		Instance    bool       `json:"instance,omitempty"`
		TLS         *tlsJSON   `json:"tls,omitempty"`
		Relay       *relayJSON `json:"relay,omitempty"`
		STUN        string     `json:"stun,omitempty"`
		UserAgent   string     `json:"user_agent,omitempty"`
		Anonymous   bool       `json:"anonymous,omitempty"`
		Emergency   bool       `json:"emergency_clear,omitempty"`
		SOCKS       *socksJSON `json:"socks,omitempty"`
	}
	socksJSON struct {
		Address  string `json:"address"`
		User     string `json:"user,omitempty"`
		Password []byte `json:"password,omitempty"`
	}
	tlsJSON struct {
		Certificate []byte `json:"certificate,omitempty"`
		Key         []byte `json:"key,omitempty"`
		Pinned      bool   `json:"pinned,omitempty"`
		Pin         []byte `json:"pin,omitempty"`
	}
	relayJSON struct {
		URL      string `json:"url"`
		User     string `json:"user,omitempty"`
		Password []byte `json:"password,omitempty"`
		Only     bool   `json:"only,omitempty"`
	}
	contactJSON struct {
		Name  string     `json:"name"`
		URIs  []string   `json:"uris,omitempty"`
		Peers []peerJSON `json:"peers,omitempty"`
		Anew  *time.Time `json:"anew_until,omitempty"`
	}
	peerJSON struct {
		OwnZID           []byte        `json:"own_zid"`
		ZID              []byte        `json:"zid"`
		RS1              []byte        `json:"rs1,omitempty"`
		RS1Expires       *time.Time    `json:"rs1_expires,omitempty"`
		RS2              []byte        `json:"rs2,omitempty"`
		RS2Expires       *time.Time    `json:"rs2_expires,omitempty"`
		Requests         *requestsJSON `json:"requests,omitempty"`
		Verified         bool          `json:"verified,omitempty"`
		VerifiedName     string        `json:"verified_name,omitempty"`
		Reintroduced     bool          `json:"reintroduced,omitempty"`
		BestKeyAgreement string        `json:"best_key_agreement,omitempty"`
	}
	requestsJSON struct {
		Keys     []requestKeyJSON `json:"keys"` // three
		Sent     uint64           `json:"sent,omitempty"`
		Accepted uint64           `json:"accepted,omitempty"`
		Proven   bool             `json:"proven,omitempty"`
		Unmet    bool             `json:"unmet,omitempty"`
	}
	requestKeyJSON struct {
		Key       []byte `json:"key,omitempty"`
		Hour      uint64 `json:"hour,omitempty"`
		Initiator bool   `json:"initiator,omitempty"`
	}
	settingsJSON struct {
		Microphone string `json:"microphone,omitempty"`
		Speaker    string `json:"speaker,omitempty"`
		History    bool   `json:"history,omitempty"`
	}
)

// encode writes the inside. The caller wipes it.
func encode(s *state) ([]byte, error) {
	in := insideJSON{
		Version:    insideVersion,
		Generation: s.generation,
		DirectZID:  s.directZID[:],
		Unnamed:    mapped(s.unnamed, peerToJSON),
		Contacts:   mapped(s.contacts, contactToJSON),
		Accounts:   mapped(s.accounts, accountToJSON),
		Settings:   settingsJSON(s.settings),
	}
	var b []byte
	var err error
	secret.Do(func() { b, err = json.Marshal(in) }) // which keeps a copy in a pool of its own
	if err != nil {
		return nil, fmt.Errorf("store: encode: %w", err)
	}
	return b, nil
}

// decode reads an inside. It takes nothing that encode, or an earlier version of
// it, would not write: so far each version only added fields.
func decode(b []byte) (*state, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, errDamaged
	}
	if v.Version > insideVersion {
		return nil, errNewer
	}
	var in insideJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || in.Version < 1 {
		return nil, errDamaged
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errDamaged
	}
	return stateFromJSON(in)
}

func stateFromJSON(in insideJSON) (*state, error) {
	s := &state{generation: in.Generation, settings: Settings(in.Settings)}
	var errs [4]error
	s.directZID, errs[0] = zidFromJSON(in.DirectZID)
	s.accounts, errs[1] = tryMapped(in.Accounts, accountFromJSON)
	s.contacts, errs[2] = tryMapped(in.Contacts, contactFromJSON)
	s.unnamed, errs[3] = tryMapped(in.Unnamed, peerFromJSON)
	if errors.Join(errs[:]...) != nil || s.check() != nil {
		return nil, errDamaged
	}
	return s, nil
}

func accountToJSON(a Account) accountJSON {
	return accountJSON{
		AOR: a.AOR, Registrar: a.Registrar, AuthUser: a.AuthUser,
		Password: a.Password.Expose(), CA: a.CA, ZID: a.ZID[:], ContactUser: a.ContactUser, WeakDigest: a.WeakDigest, Instance: a.Instance,
		TLS: tlsToJSON(a.TLS), Relay: relayToJSON(a.Relay), STUN: a.STUN,
		UserAgent: a.UserAgent, Anonymous: a.Anonymous, Emergency: a.EmergencyClear, SOCKS: socksToJSON(a.SOCKS),
	}
}

func accountFromJSON(j accountJSON) (Account, error) {
	zid, err := zidFromJSON(j.ZID)
	return Account{
		AOR: j.AOR, Registrar: j.Registrar, AuthUser: j.AuthUser,
		Password: secret.Own(j.Password), CA: j.CA, ZID: zid, ContactUser: j.ContactUser, WeakDigest: j.WeakDigest, Instance: j.Instance,
		TLS: tlsFromJSON(j.TLS), Relay: relayFromJSON(j.Relay), STUN: j.STUN,
		UserAgent: j.UserAgent, Anonymous: j.Anonymous, EmergencyClear: j.Emergency, SOCKS: socksFromJSON(j.SOCKS),
	}, err
}

func tlsToJSON(t TLS) *tlsJSON {
	if len(t.Certificate) == 0 && !t.Pinned {
		return nil
	}
	return &tlsJSON{Certificate: t.Certificate, Key: t.Key.Expose(), Pinned: t.Pinned, Pin: t.Pin}
}

func tlsFromJSON(j *tlsJSON) TLS {
	if j == nil {
		return TLS{}
	}
	return TLS{Certificate: j.Certificate, Key: secret.Own(j.Key), Pinned: j.Pinned, Pin: j.Pin}
}

func relayToJSON(r Relay) *relayJSON {
	if r.URL == "" {
		return nil
	}
	return &relayJSON{URL: r.URL, User: r.User, Password: r.Password.Expose(), Only: r.Only}
}

func relayFromJSON(j *relayJSON) Relay {
	if j == nil {
		return Relay{}
	}
	return Relay{URL: j.URL, User: j.User, Password: secret.Own(j.Password), Only: j.Only}
}

func socksToJSON(s SOCKS) *socksJSON {
	if s.Address == "" {
		return nil
	}
	return &socksJSON{Address: s.Address, User: s.User, Password: s.Password.Expose()}
}

func socksFromJSON(j *socksJSON) SOCKS {
	if j == nil {
		return SOCKS{}
	}
	return SOCKS{Address: j.Address, User: j.User, Password: secret.Own(j.Password)}
}

func contactToJSON(c Contact) contactJSON {
	return contactJSON{Name: c.Name, URIs: c.URIs, Peers: mapped(c.Peers, peerToJSON), Anew: timeToJSON(c.AnewUntil)}
}

func contactFromJSON(j contactJSON) (Contact, error) {
	peers, err := tryMapped(j.Peers, peerFromJSON)
	return Contact{Name: j.Name, URIs: j.URIs, Peers: peers, AnewUntil: timeFromJSON(j.Anew)}, err
}

func peerToJSON(p Peer) peerJSON {
	return peerJSON{
		OwnZID: p.OwnZID[:], ZID: p.ZID[:],
		RS1: p.RS1.Expose(), RS1Expires: timeToJSON(p.RS1Expires),
		RS2: p.RS2.Expose(), RS2Expires: timeToJSON(p.RS2Expires),
		Requests: requestsToJSON(p.Requests), Verified: p.Verified,
		VerifiedName: p.VerifiedName, Reintroduced: p.Reintroduced, BestKeyAgreement: p.BestKeyAgreement,
	}
}

func peerFromJSON(j peerJSON) (Peer, error) {
	own, err1 := zidFromJSON(j.OwnZID)
	zid, err2 := zidFromJSON(j.ZID)
	requests, err3 := requestsFromJSON(j.Requests)
	return Peer{
		OwnZID: own, ZID: zid,
		RS1: secret.Own(j.RS1), RS1Expires: timeFromJSON(j.RS1Expires),
		RS2: secret.Own(j.RS2), RS2Expires: timeFromJSON(j.RS2Expires),
		Requests: requests, Verified: j.Verified,
		VerifiedName: j.VerifiedName, Reintroduced: j.Reintroduced, BestKeyAgreement: j.BestKeyAgreement,
	}, errors.Join(err1, err2, err3)
}

func requestsToJSON(r Requests) *requestsJSON {
	j := requestsJSON{Sent: r.Sent, Accepted: r.Accepted, Proven: r.Proven, Unmet: r.Unmet}
	none := r.Sent == 0 && r.Accepted == 0 && !r.Proven && !r.Unmet
	for _, k := range r.Keys {
		none = none && !k.Key.Present()
		j.Keys = append(j.Keys, requestKeyJSON{k.Key.Expose(), k.Hour, k.Initiator})
	}
	if none {
		return nil
	}
	return &j
}

func requestsFromJSON(j *requestsJSON) (r Requests, err error) {
	if j == nil {
		return r, nil
	}
	if len(j.Keys) != len(r.Keys) {
		return r, errDamaged
	}
	for i, k := range j.Keys {
		r.Keys[i] = RequestKey{secret.Own(k.Key), k.Hour, k.Initiator}
	}
	r.Sent, r.Accepted, r.Proven, r.Unmet = j.Sent, j.Accepted, j.Proven, j.Unmet
	return r, nil
}

func zidFromJSON(b []byte) ([12]byte, error) {
	if len(b) != 12 {
		return [12]byte{}, errDamaged
	}
	return [12]byte(b), nil
}

func timeToJSON(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func timeFromJSON(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return plainTime(*t)
}

// plainTime drops what the file does not keep: the zone and the monotonic
// clock.
func plainTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// printable tells whether JSON gives the text back as it is.
func printable(s string) bool { return utf8.ValidString(s) }

func mapped[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, x := range in {
		out = append(out, f(x))
	}
	return out
}

func tryMapped[A, B any](in []A, f func(A) (B, error)) ([]B, error) {
	var out []B
	for _, x := range in {
		y, err := f(x)
		if err != nil {
			return nil, err
		}
		out = append(out, y)
	}
	return out, nil
}
