package web

import "time"

// clockView is the machine's clock as the page shows it.
type clockView struct {
	Tone              tone
	State             string
	Wall              string
	Now, Steps, Sleep string
}

func newClockView(c *Clock, now time.Time) clockView {
	v := clockView{Tone: toneGood, State: "good", Wall: moment{c.Wall, now}.Absolute(), Now: moment{now, now}.Absolute(), Steps: "none", Sleep: "none"}
	switch {
	case c.Untrusted:
		v.Tone, v.State = toneBad, "not believed: it reads a time before this version was made"
	case c.Ahead.Abs() >= time.Second:
		v.Tone, v.State = toneWarn, "time of samples is "+spanText(c.Ahead)+" ahead, and waits for it"
		if c.Ahead < 0 {
			v.State = "time of samples is " + spanText(-c.Ahead) + " behind, and follows"
		}
	}
	if c.Stepped != 0 {
		v.Steps = spanText(c.Stepped) + " in all, since the start"
	}
	if c.Slept != 0 {
		v.Sleep = spanText(c.Slept) + " in all, since the start"
	}
	return v
}
