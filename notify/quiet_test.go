package notify

import (
	"strings"
	"testing"
	"time"
)

func TestQuietLog(t *testing.T) {
	buf, log := newLog()
	q := quietLog{log: log}
	network := &failure{kind: "network", text: "no route"}
	gateway := &failure{kind: "404", text: "not found", hint: "check the path"}

	q.succeeded(t0)
	for i := range 100 { // 1 s apart
		q.failed(t0.Add(time.Duration(i)*time.Second), network, time.Second, 7)
	}
	if got := buf.lines("sending alerts failed"); len(got) != 4 || !strings.Contains(got[3], "failures=91 pending=7 retry_in=1s") {
		t.Errorf("100 failures in 100 s: want lines at 0, 30, 60 and 90 s, got\n%s", buf)
	}
	q.failed(t0.Add(100*time.Second), gateway, time.Second, 7)
	if got := buf.lines("sending alerts failed"); len(got) != 5 || !strings.Contains(got[4], `hint="check the path"`) {
		t.Errorf("a failure of another kind: got\n%s", buf)
	}
	q.succeeded(t0.Add(110 * time.Second))
	q.succeeded(t0.Add(120 * time.Second))
	if got := buf.lines("sending alerts recovered"); len(got) != 1 || !strings.Contains(got[0], "failures=101 failing_for=1m50s") {
		t.Errorf("recovery: got\n%s", buf)
	}
	q.failed(t0.Add(121*time.Second), gateway, time.Second, 7)
	if got := buf.lines("sending alerts failed"); len(got) != 6 || !strings.Contains(got[5], "failures=1 ") {
		t.Errorf("first failure after a recovery: got\n%s", buf)
	}
}
