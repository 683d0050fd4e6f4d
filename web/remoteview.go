package web

import (
	"fmt"
	"time"
)

// remoteView is a remote end of remote write as the page shows it.
type remoteView struct {
	Name, URL, Protocol string
	State               string
	Tone                tone
	LastSuccess         moment
	Sent, Lost          uint64
	Behind              string // empty if it is not
	Error               string
}

// remoteBehind is how far behind a remote end may be before a reader should know: a
// few scrapes and the time that a request takes.
const remoteBehind = 2 * time.Minute

func newRemoteView(r *RemoteWrite, now time.Time) remoteView {
	v := remoteView{
		Name: short(r.Name), URL: short(redact(r.URL)), Protocol: r.Protocol, State: "writing", Tone: toneGood,
		LastSuccess: moment{r.LastSuccess, now}, Sent: r.Sent, Lost: r.Lost, Error: short(redact(r.LastError)),
	}
	if r.Behind >= remoteBehind {
		v.Behind = fmt.Sprintf("%s behind", spanText(r.Behind))
	}
	switch {
	case r.LastError != "":
		v.State, v.Tone = "failing", toneBad
	case r.CatchingUp:
		v.State, v.Tone = "catching up", toneWarn
	case r.LastSuccess.IsZero():
		v.State, v.Tone = "not asked yet", toneNeutral
	}
	return v
}
