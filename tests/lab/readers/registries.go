package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/distribution/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

type registriesRow struct {
	// The texts of registries.conf and of its drop-ins, in their order.
	Files []string `json:"files"`
	// All places asked for images of quay.io; null where nothing is pulled, since a file
	// cannot be read.
	Asked []string `json:"asked"`
}

var pulled = []string{
	"quay.io/team/app:1",
	"quay.io/team/app@sha256:" + strings.Repeat("0", 64),
	"quay.io/other:2",
}

// registries: files registries.conf with drop-ins, as CRI-O and podman read them.
func registries(random *rand.Rand, write func(row any)) error {
	root, err := os.MkdirTemp("", "readers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	for range 2000 {
		files := []string{}
		for range one(random, 1, 1, 2, 3) {
			text := registriesText(random)
			if rarely(random, 6) {
				text = spoilt(random, text, tomlNoise)
			}
			if utf8.ValidString(text) {
				files = append(files, text)
			}
		}
		if len(files) == 0 {
			continue
		}
		var failed error
		asked := everAsked(func() []string {
			places, err := askedFor(root, files)
			if err != nil {
				failed = err
			}
			return places
		})
		if failed != nil {
			return failed
		}
		write(registriesRow{files, asked})
	}
	return nil
}

func registriesText(random *rand.Rand) string {
	var lines []string
	if rarely(random, 6) {
		lines = append(lines, one(random, "unqualified-search-registries = [\"quay.io\"]", "unqualified-search-registries = [\"docker.io\"]",
			"short-name-mode = \"enforcing\"", "credential-helpers = [\"x\"]", "[registries.search]", "unknown = 7", "# remark"))
	}
	for range one(random, 1, 1, 1, 2) {
		lines = append(lines, one(random, "[[registry]]", "[[registry]]", "[[registry]]", "[[registry]]", "[[registry]]", "[[registry]]", "[registry]", "[[Registry]]", "[[\"registry\"]]"))
		for _, line := range []string{
			one(random, "prefix = \"quay.io\"", "prefix = \"quay.io\"", "", "prefix = \"quay.io/team\"", "prefix = \"*.io\"", "prefix = \"\"", "Prefix = \"quay.io\"",
				"prefix = \"quay.io/team/app\"", "prefix = \"QUAY.IO\"", "prefix = \"quay.io/\"", "prefix = \"https://quay.io\"", "prefix = \"docker.io\""),
			one(random, "location = \"quay.io\"", "location = \"quay.io\"", "location = \"quay.io\"", "location = \"gate.corp:5080/quay.io\"",
				"location = \"gate.corp:5080/quay.io\"", "", "location = \"quay.io/\"", "location = \"gate.corp:5080\"", "location = 7", "Location = \"gate.corp:5080/quay.io\"",
				"location = \"https://gate.corp:5080/quay.io\""),
			one(random, "blocked = true", "blocked = true", "blocked = true", "blocked = true", "", "blocked = false", "Blocked = true", "blocked = \"true\"", "blocked = 1"),
			one(random, "", "", "", "", "insecure = true", "mirror-by-digest-only = true", "insecure = \"x\""),
		} {
			if line != "" && !rarely(random, 30) {
				lines = append(lines, one(random, "", "  ")+line)
			}
		}
		for range one(random, 0, 1, 1, 1, 1, 2) {
			lines = append(lines, one(random, "[[registry.mirror]]", "[[registry.mirror]]", "[[registry.mirror]]", "[[registry.mirror]]", "[[registry.Mirror]]", "[registry.mirror]"),
				one(random, "location = \"gate.corp:5080/quay.io\"", "location = \"gate.corp:5080/quay.io\"", "location = \"gate.corp:5080/quay.io\"", "location = \"gate.corp:5080/quay.io\"",
					"location = \"Gate.corp:5080/quay.io\"", "location = \"mirror.example/quay.io\"", "Location = \"mirror.example/quay.io\"", "location = \"gate.corp:5080/quay.io/\"",
					"location = \"\"", "location = \"gate.corp/quay.io\"", "location = \"docker.io/x\""),
				one(random, "", "", "", "", "pull-from-mirror = \"all\"", "pull-from-mirror = \"digest-only\"", "pull-from-mirror = \"tag-only\"", "pull-from-mirror = \"x\"", "insecure = true"))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// askedFor are the places that a pull of each image tries, leaving out those that are
// blocked, as go.podman.io/image/v5/docker does: the block is looked up by the place's own name.
func askedFor(root string, files []string) ([]string, error) {
	folder, err := os.MkdirTemp(root, "")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	dropIns := filepath.Join(folder, "registries.conf.d")
	if err := os.Mkdir(dropIns, 0o755); err != nil {
		return nil, err
	}
	main := filepath.Join(folder, "registries.conf")
	for at, text := range files {
		path := main
		if at > 0 {
			path = filepath.Join(dropIns, string(rune('0'+at))+".conf")
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	sysregistriesv2.InvalidateCache()
	system := &types.SystemContext{SystemRegistriesConfPath: main, SystemRegistriesConfDirPath: dropIns}
	asked := []string{}
	for _, image := range pulled {
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return nil, err
		}
		places, err := placesOf(system, named)
		if err != nil {
			return nil, nil // it refuses, and pulls nothing
		}
		asked = append(asked, places...)
	}
	return asked, nil
}

func placesOf(system *types.SystemContext, named reference.Named) ([]string, error) {
	registry, err := sysregistriesv2.FindRegistry(system, named.Name())
	if err != nil {
		return nil, err
	}
	if registry == nil {
		return []string{reference.Domain(named)}, nil
	}
	sources, err := registry.PullSourcesFromReference(named)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, source := range sources {
		own, err := sysregistriesv2.FindRegistry(system, source.Reference.Name())
		if err != nil {
			return nil, err
		}
		if own == nil || !own.Blocked {
			places = append(places, reference.Domain(source.Reference))
		}
	}
	return places, nil
}
