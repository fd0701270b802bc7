package sip

import (
	"errors"

	"karat/sip/dialog"
)

// What can go wrong, each as one sentence. Test with errors.Is.
var (
	errUserAgent = errors.New("the account's User-Agent holds characters that no header field may")

	errNoUDP = errors.New("the account's registrar is named with transport=udp, which a SOCKS proxy does not carry; tls, tcp and wss:// go through one")

	ErrUnreachable = errors.New("the SIP server cannot be reached")
	ErrCertificate = errors.New("the SIP server's certificate is not valid for this account's domain")
	ErrPin         = errors.New("the SIP server shows another key than the one pinned for this account, so somebody else may be in its place")
	ErrAuth        = errors.New("the SIP server does not accept this user name and password")
	ErrNoFlow      = errors.New("there is no connection to the SIP server at the moment")
	ErrTooLarge    = errors.New("the message is too large for UDP; use transport=tls")
	ErrAddress     = errors.New("this is no SIP address that can be called")
	ErrDigit       = errors.New("a telephone has the keys 0 to 9, * and #")
	ErrBusy        = errors.New("too many calls at once")
	ErrClosed      = errors.New("the SIP agent is closed")
	errNoWay       = errors.New("it asks in no way that can be answered")
	errWeak        = errors.New("it asks in a way (MD5, or without qop) from which others can find the password; let the account use TLS, or allow it with --weak-digest")
	errBlocked     = errors.New("sip: sipgo tried to open a connection of its own")
)

// Errors that a Call reports, from the state machine below it.
var (
	ErrState      = dialog.ErrState
	ErrHungUp     = dialog.ErrHungUp
	ErrCancelled  = dialog.ErrCancelled
	ErrUnanswered = dialog.ErrUnanswered
	ErrNoAck      = dialog.ErrNoAck
	ErrNoResponse = dialog.ErrNoResponse
	ErrExpired    = dialog.ErrExpired
	ErrGlare      = dialog.ErrGlare
	ErrRejected   = dialog.ErrRejected
)

// StatusError is a final answer that refuses; Code is its status code.
type StatusError = dialog.StatusError
