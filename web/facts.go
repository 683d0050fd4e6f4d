package web

import "github.com/tocsin/tocsin/engine"

func newFacts(st *Status, s *engine.Snapshot, alerts alertLists) facts {
	f := facts{
		firing:        len(alerts.firing),
		pending:       len(alerts.pending),
		held:          len(alerts.held()),
		groups:        len(s.Groups),
		problems:      len(st.Problems),
		targets:       len(st.Targets),
		alertmanagers: len(st.Alertmanagers),
	}
	if st.Storage.Trouble != "" {
		f.problems++
	}
	for i := range alerts.firing {
		f.critical = f.critical || alerts.firing[i].tone == toneBad
	}
	for i := range s.Groups {
		f.rules += len(s.Groups[i].Rules)
		for j := range s.Groups[i].Rules {
			if s.Groups[i].Rules[j].Health == engine.HealthErr {
				f.failingRules++
			}
		}
	}
	for i := range st.Targets {
		switch st.Targets[i].Health {
		case Up:
			f.up++
		case Down:
			f.down++
		case Unknown:
		}
	}
	for i := range st.Alertmanagers {
		if st.Alertmanagers[i].URL == "" {
			f.alertmanagers-- // it is yet to be found
		}
		f.undelivered = max(f.undelivered, st.Alertmanagers[i].Pending)
		if st.Alertmanagers[i].LastError != "" {
			f.failing++
		}
	}
	return f
}
