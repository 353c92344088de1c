package operations

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sansansatori/tests/link"
)

// documents reads all documents of a YAML file.
func documents(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(link.Root(), "docs", "operations", name))
	require.NoError(t, err)
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, name)
		all = append(all, doc)
	}
}

// at goes down a path of keys.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(t, ok, "%v: no object", step)
			v, ok = m[step]
			require.True(t, ok, "%v is missing", step)
		case int:
			l, ok := v.([]any)
			require.True(t, ok, "%v: no list", step)
			v = l[step]
		}
	}
	return v
}

// variables that a pipeline reads.
func variables(t *testing.T, config string) (names []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(link.Root(), config))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)[:}]`).FindAllStringSubmatch(string(content), -1) {
		names = append(names, m[1])
	}
	return names
}

// image is what the Dockerfile promises.
func image(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(link.Root(), "Dockerfile"))
	require.NoError(t, err)
	dockerfile := string(content)
	for _, line := range []string{"WORKDIR /app", "COPY config config", "COPY bloblang bloblang", "ENV DATA_DIR=/data", "USER 10001:10001", `ENTRYPOINT ["/usr/local/bin/sansan-satori"]`} {
		require.Contains(t, dockerfile, line, "compose.yaml and kubernetes/ rely on it")
	}
	return dockerfile
}

// runs: a command of the image names a pipeline that is in it, and each variable
// it is given is one that the pipeline, the image or the program reads.
func runs(t *testing.T, who string, args []any, env []string) {
	t.Helper()
	require.Len(t, args, 2, who)
	require.Equal(t, "run", args[0], who)
	config, ok := args[1].(string)
	require.True(t, ok)
	require.FileExists(t, filepath.Join(link.Root(), config), who)
	known := append(variables(t, config), "HTTP_ADDRESS") // the health check's
	for _, name := range env {
		require.Contains(t, known, strings.TrimSuffix(name, "_FILE"), "%s: %s does not read it", who, config)
	}
}

func TestCompose(t *testing.T) {
	image(t)
	docs := documents(t, "compose.yaml")
	require.Len(t, docs, 1)
	services, ok := at(t, docs[0], "services").(map[string]any)
	require.True(t, ok)
	volumes, ok := at(t, docs[0], "volumes").(map[string]any)
	require.True(t, ok)
	built := 0
	for name, service := range services {
		s, ok := service.(map[string]any)
		require.True(t, ok)
		if command, ours := s["command"].([]any); ours {
			built++
			var env []string
			for variable := range at(t, s, "environment").(map[string]any) {
				env = append(env, variable)
			}
			runs(t, name, command, env)
			require.Equal(t, true, s["read_only"], name)
		}
		if ports, published := s["ports"].([]any); published {
			for _, port := range ports {
				require.True(t, strings.HasPrefix(port.(string), "127.0.0.1:"), "%s: published on loopback only", name)
			}
		}
		mounts, _ := s["volumes"].([]any)
		for _, mount := range mounts {
			source, _, _ := strings.Cut(mount.(string), ":")
			switch {
			case strings.HasPrefix(source, "./"):
				require.FileExists(t, filepath.Join(link.Root(), "docs", "operations", source), name)
			case !strings.HasPrefix(source, "$"):
				require.Contains(t, volumes, source, name)
			}
		}
		after, _ := s["depends_on"].([]any)
		for _, other := range after {
			require.Contains(t, services, other)
		}
	}
	require.Equal(t, 4, built)
	// Prometheus asks services that exist, on the ports they listen on.
	jobs := at(t, documents(t, "prometheus.yaml")[0], "scrape_configs").([]any)
	for _, job := range jobs {
		for _, target := range at(t, job, "static_configs", 0, "targets").([]any) {
			host, port, _ := strings.Cut(target.(string), ":")
			require.Equal(t, "0.0.0.0:"+port, at(t, services, host, "environment", "HTTP_ADDRESS"))
		}
	}
}

func TestKubernetes(t *testing.T) {
	dockerfile := image(t)
	common := documents(t, filepath.Join("kubernetes", "common.yaml"))
	claim := at(t, common[0], "metadata", "name")
	for file, path := range map[string][]any{
		"deployment.yaml": {"spec", "template"},
		"cronjob.yaml":    {"spec", "jobTemplate", "spec", "template"},
	} {
		docs := documents(t, filepath.Join("kubernetes", file))
		require.Len(t, docs, 1)
		pod := at(t, at(t, docs[0], path...), "spec")
		require.EqualValues(t, 10001, at(t, pod, "securityContext", "runAsUser"))
		require.Contains(t, dockerfile, "USER 10001")
		require.Equal(t, claim, at(t, pod, "volumes", 0, "persistentVolumeClaim", "claimName"))
		c := at(t, pod, "containers", 0)
		env := map[string]string{}
		var names []string
		for _, e := range at(t, c, "env").([]any) {
			name := at(t, e, "name").(string)
			env[name], names = at(t, e, "value").(string), append(names, name)
		}
		runs(t, file, at(t, c, "args").([]any), names)
		require.Contains(t, dockerfile, "DATA_DIR="+at(t, c, "volumeMounts", 0, "mountPath").(string))
		for _, key := range []string{"SANSAN_API_KEY", "SATORI_USER_KEY", "SATORI_USER_SECRET", "SATORI_COMPANY_KEY", "SATORI_COMPANY_SECRET"} {
			require.True(t, strings.HasPrefix(env[key+"_FILE"], "/secrets/"), "%s: keys are files, not variables", file)
			require.NotContains(t, env, key)
		}
		switch file {
		case "deployment.yaml":
			require.EqualValues(t, 1, at(t, docs[0], "spec", "replicas"))
			require.Equal(t, "Recreate", at(t, docs[0], "spec", "strategy", "type"))
			require.Equal(t, at(t, docs[0], "spec", "selector", "matchLabels"), at(t, docs[0], "spec", "template", "metadata", "labels"))
		case "cronjob.yaml":
			require.Equal(t, "once", env["SCHEDULE"])
			require.Equal(t, "Forbid", at(t, docs[0], "spec", "concurrencyPolicy"))
		}
	}
}

// Keys given as files, as Kubernetes gives them, are found; the run ends well.
func TestKeysAsFiles(t *testing.T) {
	w := newWorld(t)
	w.Sansan.Put(sampleCard("a@example.jp"))
	dir := t.TempDir()
	var env []string
	for _, pair := range w.Env() {
		name, value, _ := strings.Cut(pair, "=")
		if regexp.MustCompile(`^(SANSAN_API|SATORI_(USER|COMPANY))_(KEY|SECRET)$`).MatchString(name) {
			file := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(file, []byte(value+"\n"), 0o400))
			env = append(env, name+"=", name+"_FILE="+file)
		}
	}
	require.GreaterOrEqual(t, len(env), 10)
	w.Once(t, env...)
	require.Equal(t, 1, w.Satori.Len())
}
