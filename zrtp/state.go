package zrtp

// state is where a Session stands. A box names the message sent last.
//
//	          idle
//	           | Start
//	         hello
//	           | peer's Hello, be it late (silent)
//	       helloack ------------------.
//	           | return path          |
//	         commit ------------------|
//	DHPart1    |                      | Commit with the higher hvi,
//	           |                      | or before ours
//	        dhpart2                dhpart1
//	Confirm1   | KeysAgreed           | DHPart2
//	           |                      |
//	        confirm2               confirm1
//	Conf2ACK   |                      | Confirm2
//	or SRTP    |                      | KeysAgreed
//	           `------- secure -------'
//
// Where there are no DHParts (Multistream and Preshared mode) commit leads to
// confirm2 and confirm1 at once.
//
// Only where both ends allow it, secure leads on to clear:
//
//	secure --- GoClear --> clearing --- ClearACK --> clear
//	secure ------------ peer's GoClear ------------> clear
//	clear ---- Multistream Commit of either --> as from hello
//
// From every state but idle, secure and clear a fault leads to failed, and Close leads
// from all to closed.
type state uint8

const (
	stateIdle state = iota
	stateHello
	stateSilent // Hello was repeated as often as it is, and nothing came
	stateHelloACK
	stateCommit
	stateDHPart1
	stateDHPart2
	stateConfirm1
	stateConfirm2
	stateSecure
	stateClearing
	stateClear
	stateFailed
	stateClosed
)

func (s state) String() string {
	switch s {
	case stateIdle:
		return "idle"
	case stateHello:
		return "hello"
	case stateSilent:
		return "silent"
	case stateHelloACK:
		return "helloack"
	case stateCommit:
		return "commit"
	case stateDHPart1:
		return "dhpart1"
	case stateDHPart2:
		return "dhpart2"
	case stateConfirm1:
		return "confirm1"
	case stateConfirm2:
		return "confirm2"
	case stateSecure:
		return "secure"
	case stateClearing:
		return "clearing"
	case stateClear:
		return "clear"
	case stateFailed:
		return "failed"
	case stateClosed:
		return "closed"
	}
	return "unknown"
}

// exchanging tells whether a fault can still end the exchange.
func (s state) exchanging() bool { return s >= stateHello && s <= stateConfirm2 }

// confirmed tells whether the keys were confirmed, and nothing has failed since.
func (s state) confirmed() bool { return s >= stateSecure && s <= stateClear }
