package test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// badRules has one bad rule among good ones, at line 6: the unknown function
// begins at column 15.
const badRules = `groups:
- name: mixed
  rules:
  - {alert: EngineSeen, expr: engine_daemon_engine_cpus_cpus > 0}
  - alert: Broken
    expr: sum(nosuchfunction(up))
  - {record: engine:cpus, expr: engine_daemon_engine_cpus_cpus}
`

const otherRules = `groups:
- name: other
  rules:
  - {alert: EngineUp, expr: up == 1}
`

func TestBadRuleAmongGoodOnes(t *testing.T) {
	e, am := sharedEngine(t), startAlertmanager(t)
	rules := writeRules(t, "mixed.yml", badRules)
	writeFile(t, filepath.Join(rules, "other.yml"), otherRules)
	writeFile(t, filepath.Join(rules, "torn.yml"), "groups:\n- name: torn\n  rules: [\n")
	p := alertingPlugin(t, e, rules, am)

	am.received(t, 10*time.Second, "EngineSeen")
	am.received(t, 10*time.Second, "EngineUp")
	eventually(t, 10*time.Second, "the good rules run", func() error {
		return p.healthy("EngineSeen", "EngineUp", "engine:cpus")
	})
	p.logged(t, `^error: .*mixed\.yml:6:15.*nosuchfunction`)
	p.logged(t, `^error: .*torn\.yml:\d+`)
	body, err := p.get("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mixed.yml:6:15", "nosuchfunction", "torn.yml:"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

// The source of RULES_PATH may change between a directory and a file, which the
// mount points that an engine keeps in the rootfs would not allow.
func TestRulesPathIsFileOrDirectory(t *testing.T) {
	p := installPlugin(t, sharedEngine(t))
	dir := writeRules(t, "other.yml", otherRules)
	file := filepath.Join(writeRules(t, "mine.rules", strings.ReplaceAll(otherRules, "EngineUp", "Mine")), "mine.rules")
	for _, step := range []struct{ path, rule string }{{dir, "EngineUp"}, {file, "Mine"}, {dir, "EngineUp"}} {
		p.set(t, "RULES_PATH="+step.path)
		p.enable(t)
		eventually(t, 10*time.Second, step.path+" is read", func() error { return p.healthy(step.rule) })
		p.disable(t)
	}
}
