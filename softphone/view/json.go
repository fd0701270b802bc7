package view

import (
	"math"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
)

// headJSON is common to all objects.
type headJSON struct {
	Event string `json:"event"`
	Time  string `json:"time"`
	Call  string `json:"call"`
}

type (
	registeredJSON struct {
		headJSON
		Account string `json:"account"`
	}
	registrationLostJSON struct {
		headJSON
		Account      string  `json:"account"`
		Why          string  `json:"why"`
		RetrySeconds float64 `json:"retry_seconds"`
	}
	secureJSON struct {
		headJSON
		SAS          string `json:"sas"`
		KeyAgreement string `json:"key_agreement"`
		Hash         string `json:"hash"`
		Cipher       string `json:"cipher"`
		AuthTag      string `json:"auth_tag"`
		Verified     bool   `json:"verified"`
		Continuity   bool   `json:"continuity"`
	}
	incomingJSON struct {
		headJSON
		From    string `json:"from"`
		Refused bool   `json:"refused"`
		// Asserted is left out where the provider names nobody.
		Asserted string `json:"asserted,omitempty"`
		// Probably is left out of requests that are no contact's.
		Probably string `json:"probably,omitempty"`
		// Replaces is left out of calls that take the place of none.
		Replaces string `json:"replaces,omitempty"`
		// Account is left out where the phone has only one.
		Account string `json:"account,omitempty"`
	}
	heldJSON struct {
		headJSON
		Ours   bool `json:"ours"`
		Theirs bool `json:"theirs"`
	}
	toJSON struct {
		headJSON
		To string `json:"to"`
	}
	dialingJSON struct {
		headJSON
		To string `json:"to"`
		// Account is left out where the phone has only one.
		Account string `json:"account,omitempty"`
	}
	consentedJSON struct {
		headJSON
		Agreed bool `json:"agreed"`
	}
	transferJSON struct {
		headJSON
		To      string `json:"to"`
		Ringing bool   `json:"ringing"`
		Done    bool   `json:"done"`
		OK      bool   `json:"ok"`
	}
	mismatchJSON struct {
		headJSON
		Name string `json:"name"`
	}
	assayJSON struct {
		headJSON
		Private  bool          `json:"private"`
		Promises []promiseJSON `json:"promises"`
	}
	promiseJSON struct {
		ID      string `json:"id"`
		Verdict string `json:"verdict"`
		Why     string `json:"why"`
	}
	mediaJSON struct {
		headJSON
		Sent      uint64  `json:"sent"`
		Received  uint64  `json:"received"`
		Lost      uint64  `json:"lost"`
		Concealed uint64  `json:"concealed"`
		Forged    uint64  `json:"unauthenticated"`
		RTT       float64 `json:"rtt_ms"`
		Jitter    float64 `json:"jitter_ms"`
		Delay     float64 `json:"delay_ms"`
		Restored  uint64  `json:"restored"`
		LossHeard float64 `json:"loss_heard"`
		Level     float64 `json:"microphone_dbfs"`
	}
	movingJSON struct {
		headJSON
		Done bool   `json:"done"`
		Why  string `json:"why"`
	}
	voiceMissingJSON struct {
		headJSON
		Back   bool   `json:"back"`
		Forged uint64 `json:"unauthenticated"`
	}
	textJSON struct {
		headJSON
		Text string `json:"text"`
		From string `json:"from"` // empty within a call
	}
	waitingJSON struct {
		headJSON
		Account string `json:"account"`
		Waiting bool   `json:"waiting"`
		New     int    `json:"new"`
		Old     int    `json:"old"`
	}
	whyJSON struct {
		headJSON
		Why string `json:"why"`
	}
	noticeJSON struct {
		headJSON
		Text string `json:"text"`
	}
	endedJSON struct {
		headJSON
		Why     string  `json:"why"`
		Seconds float64 `json:"seconds"`
	}
)

// JSON returns the object that stands for an event, for encoding/json; false
// for an event that has none. The package comment lists them.
func JSON(ev softphone.Event) (object any, ok bool) {
	switch ev := ev.(type) {
	case softphone.Registered:
		return registeredJSON{head("registered", ev.Head), Clean(ev.Account)}, true
	case softphone.RegistrationLost:
		return registrationLostJSON{head("registration_lost", ev.Head), Clean(ev.Account), Clean(ev.Why), seconds(ev.Retry)}, true
	case softphone.Incoming:
		return incomingJSON{head("incoming", ev.Head), Clean(ev.From), ev.Refused, Clean(ev.Asserted), Clean(ev.Probably), Clean(ev.Replaces), Clean(ev.Account)}, true
	case softphone.Dialing:
		return dialingJSON{head("dialing", ev.Head), Clean(ev.To), Clean(ev.Account)}, true
	case softphone.Ringing:
		return head("ringing", ev.Head), true
	case softphone.Answered:
		return head("answered", ev.Head), true
	case softphone.Secure:
		return secureJSON{
			head("secure", ev.Head),
			Clean(ev.SAS), Clean(ev.KeyAgreement), Clean(ev.Hash), Clean(ev.Cipher), Clean(ev.AuthTag), ev.Verified, ev.Continuity,
		}, true
	case softphone.Mismatch:
		return mismatchJSON{head("mismatch", ev.Head), Clean(ev.Name)}, true
	case softphone.Talking:
		return head("talking", ev.Head), true
	case softphone.Assayed:
		return assayJSON{head("assay", ev.Head), ev.Report.Private, promisesJSON(ev.Report)}, true
	case softphone.Media:
		return mediaJSON{
			head("media", ev.Head), ev.Sent, ev.Received, ev.Lost, ev.Concealed, ev.Unauthenticated,
			milliseconds(ev.RTT), milliseconds(ev.Jitter), milliseconds(ev.Delay),
			ev.Restored, math.Round(ev.LossHeard*1000) / 1000, math.Round(ev.MicrophoneLevel),
		}, true
	case softphone.VoiceMissing:
		return voiceMissingJSON{head("voice_missing", ev.Head), ev.Back, ev.Unauthenticated}, true
	case softphone.Moving:
		return movingJSON{head("moving", ev.Head), ev.Done, Clean(ev.Why)}, true
	case softphone.Refused:
		return whyJSON{head("refused", ev.Head), Clean(ev.Why)}, true
	case softphone.Held:
		return heldJSON{head("held", ev.Head), ev.Ours, ev.Theirs}, true
	case softphone.DowngradeRefused:
		return whyJSON{head("downgrade_refused", ev.Head), sentence(ev.Why)}, true
	case softphone.TransferAsked:
		return toJSON{head("transfer_asked", ev.Head), Clean(ev.To)}, true
	case softphone.TransferProgress:
		return transferJSON{head("transfer", ev.Head), Clean(ev.To), ev.Ringing, ev.Done, ev.OK}, true
	case softphone.Redirected:
		return toJSON{head("redirected", ev.Head), Clean(ev.To)}, true
	case softphone.Consented:
		return consentedJSON{head("consented", ev.Head), ev.Agreed}, true
	case softphone.Text:
		return textJSON{head("text", ev.Head), sentence(ev.Body), Clean(ev.From)}, true
	case softphone.MessagesWaiting:
		return waitingJSON{head("messages_waiting", ev.Head), Clean(ev.Account), ev.Waiting, ev.New, ev.Old}, true
	case softphone.Notice:
		return noticeJSON{head("notice", ev.Head), Clean(ev.Text)}, true
	case softphone.Ended:
		return endedJSON{head("ended", ev.Head), whyEnded(ev), seconds(ev.Talked)}, true
	}
	return nil, false
}

func head(event string, h softphone.Head) headJSON {
	return headJSON{event, h.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), h.Call}
}

func promisesJSON(r assay.Report) []promiseJSON {
	out := make([]promiseJSON, 0, len(r.Findings))
	for _, f := range r.Findings {
		out = append(out, promiseJSON{Clean(string(f.Promise)), Clean(string(f.Verdict)), sentence(f.Why)})
	}
	return out
}

// seconds to the millisecond: more would only say how fast the machine is.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// milliseconds to the tenth.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}
