package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// LinphonePorts are how many ports in a row an Answerer needs.
const LinphonePorts = 6

// Answerer prepares a Linphone without a proxy that answers every call, and
// returns the file that /bin/sh is to run to start it. Its SIP port is first, and
// it may be started any number of times.
func (l *Lab) Answerer(c LinphoneConfig, first int) (script string, err error) {
	c.Home = fmt.Sprintf("linphone-%d", first)
	c.IP = l.IP
	p := &Linphone{LinphoneConfig: c, SIPPort: first, RTPPort: first + 2, VideoPort: first + 4}
	if err := p.prepare(l); err != nil {
		return "", err
	}
	script = filepath.Join(p.dir, "start")
	// A pipe that it holds at both ends is a standard input that never ends. What
	// stands in it first has files take the place of a sound card: with none it
	// sends nothing, not even ZRTP.
	text := fmt.Sprintf("cd '%s' || exit\nexport HOME='%s' XDG_DATA_HOME= XDG_CONFIG_HOME= XDG_CACHE_HOME=\n"+
		"[ -p in ] || mkfifo in\nexec 3<>in\necho 'soundcard use files' >&3\n"+
		"exec linphonec -a -c '%s/linphonerc' <&3 >>linphonec.out 2>&1\n", p.dir, p.dir, p.dir)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		return "", fmt.Errorf("lab: linphone: %w", err)
	}
	return script, nil
}
