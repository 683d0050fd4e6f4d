package main

import (
	"encoding/json"
	"os"
	"testing"
)

// manifest is the part of config.json that must agree with the binary.
type manifest struct {
	PropagatedMount string
	Entrypoint      []string
	Interface       struct{ Socket string }
	Mounts          []struct {
		Name, Destination string
		Settable          []string
	}
	Env []struct {
		Name     string
		Value    *string
		Settable []string
	}
}

func loadManifest(t *testing.T) manifest {
	t.Helper()
	text, err := os.ReadFile("../../config.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// readManifest gives the names that can be set.
func readManifest(t *testing.T) map[string]bool {
	t.Helper()
	m := loadManifest(t)
	names := map[string]bool{}
	for _, e := range m.Env {
		if len(e.Settable) == 1 && e.Settable[0] == "value" {
			names[e.Name] = true
		}
		if e.Value != nil && *e.Value != "" {
			t.Errorf("config.json sets %s to %q: an upgrade would keep it for ever, defaults belong into the binary", e.Name, *e.Value)
		}
	}
	for _, mount := range m.Mounts {
		if len(mount.Settable) == 1 && mount.Settable[0] == "source" {
			names[mount.Name] = true
		}
	}
	return names
}

func TestManifestAgreesWithTheBinary(t *testing.T) {
	m := loadManifest(t)
	if m.PropagatedMount != pluginData {
		t.Errorf("propagatedMount %q, the binary writes to %q", m.PropagatedMount, pluginData)
	}
	at := map[string]string{}
	for _, mount := range m.Mounts {
		at[mount.Name] = mount.Destination
	}
	if at["RULES_PATH"] != pluginRules || at["CONFIG_PATH"] != pluginConfig {
		t.Errorf("mounts %v, the binary reads %s and %s", at, pluginRules, pluginConfig)
	}
	if want := "--plugin.socket=/run/docker/plugins/" + m.Interface.Socket; m.Entrypoint[len(m.Entrypoint)-1] != want {
		t.Errorf("entrypoint %v does not end in %s", m.Entrypoint, want)
	}
}
