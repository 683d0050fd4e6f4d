package configfile

import (
	"reflect"
	"slices"

	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/moby"
)

// discoveryTypes are the ways to find targets that this binary has, beside targets
// that are written down. To import a package here is what makes it known.
var discoveryTypes = map[string]reflect.Type{
	"dns_sd_configs":         reflect.TypeFor[dns.SDConfig](),
	"docker_sd_configs":      reflect.TypeFor[moby.DockerSDConfig](),
	"dockerswarm_sd_configs": reflect.TypeFor[moby.DockerSwarmSDConfig](),
	"file_sd_configs":        reflect.TypeFor[file.SDConfig](),
}

// targetGroup is what a static_configs entry is in YAML.
type targetGroup struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// discoveries names them, the written ones first.
func discoveries() []string {
	var names []string
	for name := range discoveryTypes {
		names = append(names, name)
	}
	slices.Sort(names)
	return append([]string{"static_configs"}, names...)
}
