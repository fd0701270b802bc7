package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"karat/internal/secret"
	"karat/sip"
	"karat/softphone"
	"karat/softphone/store"
)

type accountCommand struct {
	Add    accountAdd    `cmd:"" help:"Add an account, or replace the one with the same address."`
	List   accountList   `cmd:"" help:"List the accounts."`
	Remove accountRemove `cmd:"" help:"Remove an account and everything learnt under it."`
}

type accountAdd struct {
	AOR          string `name:"aor" required:"" help:"The address others call." placeholder:"sip:alice@example.org"`
	Registrar    string `help:"Where to register, if not at the address's domain. Over TLS, unless another transport is named; a WebSocket by its URL, wss://host/path." placeholder:"sip:host:port;transport=tls"`
	AuthUser     string `help:"The name to log in with, if not the address's user."`
	PasswordFile string `required:"" help:"A file with the password; a trailing newline is dropped." type:"existingfile" placeholder:"FILE"`
	CA           string `name:"ca" help:"A certificate authority to trust for this account." type:"existingfile" placeholder:"PEM"`
	Cert         string `help:"A certificate to show to the provider, in PEM." type:"existingfile" placeholder:"FILE"`
	Key          string `help:"The key of that certificate, in PEM." type:"existingfile" placeholder:"FILE"`
	Pin          bool   `help:"Know the provider's server by the key that it shows first, whatever authorities say, and refuse another one later. The key is shown, to be compared."`
	Fingerprint  string `help:"Know it by this key." placeholder:"sha256:HEX"`
	ContactUser  string `help:"A fixed user part of Contact, for providers that demand one. Shown in the assay."`
	WeakDigest   bool   `help:"Answer when the password is asked for in a weak way (MD5) and others can read it. Shown in the assay."`
	Instance     bool   `help:"Say which of the account's phones this is, by a number that is new with each start, for providers that demand SIP outbound or give phones addresses of their own (GRUU)."`

	UserAgent string `help:"What requests call the program, for providers that demand a name. Everyone on the way reads it. Shown in the assay." placeholder:"NAME"`
	Anonymous bool   `help:"Do not say who calls, and ask the provider not to, in all calls of this account."`
	Emergency string `help:"What becomes of emergency numbers: clear calls them, with --allow clear, in a call that everyone on the way could hear." placeholder:"clear"`

	Relay             string `help:"A TURN server to carry the voice of this account, over udp, tcp or tls." placeholder:"turn:host:port?transport=tls"`
	RelayUser         string `help:"The name to log in with at the relay, if not the account's."`
	RelayPasswordFile string `help:"A file with the password for the relay, if not the account's." type:"existingfile" placeholder:"FILE"`
	RelayOnly         bool   `help:"Let the voice take no way but the relay's: the other end sees no address of yours."`
	SOCKS             string `name:"socks" help:"A SOCKS5 proxy that everything of this account goes through, such as Tor's. It looks the names up. Needs --relay over tcp or tls, and implies --relay-only." placeholder:"127.0.0.1:9050"`
	SOCKSUser         string `name:"socks-user" help:"The name to log in with at the proxy. Without, a random one, which is new with each start; Tor keeps apart what comes by different names."`
	SOCKSPasswordFile string `name:"socks-password-file" help:"A file with the password for the proxy." type:"existingfile" placeholder:"FILE"`
	STUN              string `name:"stun" help:"A STUN server to ask for this phone's public address." placeholder:"host:port"`
}

// Run adds the account. Nothing is sent: the next command that needs the
// account finds out whether the provider takes it.
func (c *accountAdd) Run(e *env) error {
	account := store.Account{AOR: c.AOR, Registrar: c.Registrar, AuthUser: c.AuthUser, ContactUser: c.ContactUser, WeakDigest: c.WeakDigest, Instance: c.Instance, UserAgent: c.UserAgent, Anonymous: c.Anonymous, EmergencyClear: c.Emergency == "clear"}
	if c.Emergency != "" && c.Emergency != "clear" {
		return usageError{fmt.Errorf("--emergency takes clear, not %q", c.Emergency)}
	}
	if err := sip.CheckAccount(sip.Account{AOR: c.AOR, Registrar: c.Registrar, ContactUser: c.ContactUser, UserAgent: c.UserAgent, NoUDP: c.SOCKS != ""}); err != nil {
		return usageError{err}
	}
	var err error
	if account.Password, err = readPassword(c.PasswordFile); err != nil {
		return err
	}
	if err := c.relay(&account); err != nil {
		return err
	}
	if err := c.socks(&account); err != nil {
		return err
	}
	if err := c.tls(&account); err != nil {
		return err
	}
	return e.withStore(func(s *store.Store) error {
		if err := s.SetAccount(account); err != nil {
			return err
		}
		e.say("%s is added; \"karat answer\" registers it", c.AOR)
		return nil
	})
}

// tls adds by what the account and its server know each other.
func (c *accountAdd) tls(account *store.Account) (err error) {
	if c.CA != "" {
		if account.CA, err = readCA(c.CA); err != nil {
			return err
		}
	}
	account.TLS.Pinned = c.Pin || c.Fingerprint != ""
	if c.Fingerprint != "" {
		if account.TLS.Pin, err = sip.ParseFingerprint(c.Fingerprint); err != nil {
			return usageError{err}
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		return usageError{errors.New("--cert and --key need each other")}
	}
	if c.Cert == "" {
		return nil
	}
	if account.TLS.Certificate, err = os.ReadFile(c.Cert); err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("the certificate's key cannot be read: %w", err)
	}
	account.TLS.Key = secret.Own(key)
	if _, err := tls.X509KeyPair(account.TLS.Certificate, key); err != nil {
		return usageError{fmt.Errorf("%s and %s are no certificate and its key: %w", c.Cert, c.Key, err)}
	}
	return nil
}

// relay adds the settings about ways through NATs. A provider's relay often
// takes the account's own name and password.
func (c *accountAdd) relay(account *store.Account) error {
	if c.Relay == "" && (c.RelayOnly || c.RelayUser != "" || c.RelayPasswordFile != "") {
		return usageError{errors.New("--relay-only, --relay-user and --relay-password-file need --relay")}
	}
	if err := softphone.CheckServers(c.Relay, c.STUN); err != nil {
		return usageError{err}
	}
	account.STUN = c.STUN
	if c.Relay == "" {
		return nil
	}
	account.Relay = store.Relay{URL: c.Relay, User: c.RelayUser, Only: c.RelayOnly}
	if c.RelayPasswordFile == "" {
		return nil
	}
	var err error
	account.Relay.Password, err = readPassword(c.RelayPasswordFile)
	return err
}

// socks adds the proxy that everything goes through.
func (c *accountAdd) socks(account *store.Account) (err error) {
	switch {
	case (c.SOCKSUser == "") != (c.SOCKSPasswordFile == ""):
		return usageError{errors.New("--socks-user and --socks-password-file need each other")}
	case c.SOCKS == "" && c.SOCKSUser != "":
		return usageError{errors.New("--socks-user and --socks-password-file need --socks")}
	case c.SOCKS == "":
		return nil
	}
	account.SOCKS = store.SOCKS{Address: c.SOCKS, User: c.SOCKSUser}
	account.Relay.Only = true
	if err := softphone.CheckProxy(account); err != nil {
		return usageError{err}
	}
	if c.SOCKSPasswordFile != "" {
		account.SOCKS.Password, err = readPassword(c.SOCKSPasswordFile)
	}
	return err
}

func readPassword(file string) (secret.Bytes, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("the password file cannot be read: %w", err)
	}
	return secret.Own(trimNewline(b)), nil
}

func trimNewline(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

func readCA(file string) ([]byte, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificate authority cannot be read: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("%s holds no certificate in PEM form", file)}
	}
	return pem, nil
}

type accountList struct{}

// Run lists the accounts, without their passwords.
func (accountList) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		for _, a := range s.Accounts() {
			if e.flags.JSON {
				e.object(map[string]any{"aor": a.AOR, "registrar": a.Registrar, "auth_user": a.AuthUser, "pinned": a.TLS.Pinned, "fingerprint": fingerprint(a), "relay": a.Relay.URL, "relay_only": a.Relay.Only, "socks": a.SOCKS.Address, "stun": a.STUN, "user_agent": a.UserAgent, "anonymous": a.Anonymous, "emergency_clear": a.EmergencyClear})
				continue
			}
			e.say("%s", strings.TrimSpace(a.AOR+"  "+a.Registrar))
		}
		return nil
	})
}

// fingerprint is that of the server's pinned key; empty: none, or none yet.
func fingerprint(a store.Account) string {
	if len(a.TLS.Pin) == 0 {
		return ""
	}
	return sip.WriteFingerprint(a.TLS.Pin)
}

type accountRemove struct {
	AOR string `arg:"" name:"aor" help:"The account's address."`
}

// Run removes the account.
func (c *accountRemove) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		if err := s.RemoveAccount(c.AOR); err != nil {
			return err
		}
		e.say("%s is removed", c.AOR)
		return nil
	})
}
