// Package server is the other side of a call: what a small provider runs to carry
// Karat well. It is configuration for Debian's Kamailio, rtpengine and coturn, with
// its README for people; contrib/interop starts its servers with the same files.
//
// It does NOT install or start anything.
package server

import _ "embed"

// The files as they are. Each wants what is of one site only beside it: Kamailio
// a site.cfg in its directory, the others options on their command lines.
var (
	//go:embed kamailio.cfg
	Kamailio string
	//go:embed rtpengine.conf
	RTPEngine string
	//go:embed turnserver.conf
	Coturn string
)
