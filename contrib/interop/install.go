package main

import "karat/contrib/interop/lab"

// tools are what the cells need.
var tools = []lab.Tool{
	{Needed: "linphonec", Package: "linphone-cli"},
	{Needed: "baresip", Package: "baresip-core"},
	{Needed: "sipp", Package: "sip-tester"},
	{Needed: "kamailio", Package: "kamailio"},
	{Needed: "ip", Package: "iproute2"},
	{Needed: "iptables", Package: "iptables"},
	{Needed: "turnserver", Package: "coturn"},
	{Needed: "rtpengine", Package: "rtpengine-daemon"},
	{Needed: "gcc", Package: "gcc"},
	{Needed: "/usr/include/stdio.h", Package: "libc6-dev"},
	{Needed: "/usr/include/bzrtp/bzrtp.h", Package: "libbzrtp-dev"},
	{Needed: "/usr/lib/*/kamailio/modules/tls.so", Package: "kamailio-tls-modules"},
	{Needed: "/usr/lib/*/kamailio/modules/websocket.so", Package: "kamailio-websocket-modules"},
	{Needed: "microsocks", Package: "microsocks"},
}
