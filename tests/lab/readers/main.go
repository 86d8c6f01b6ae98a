// Writes corpora: texts that nodes read, each with what the programs that run on nodes
// make of it. tests/setup/go-readers calls it; tests/integration/differential reads them.
//
// The texts are made by a generator with a fixed seed, so the same pinned modules write the
// same corpora.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
)

// A corpus is a list of rows, one JSON object a line.
type corpus func(random *rand.Rand, write func(row any)) error

var corpora = map[string]corpus{
	"references": references,
	"manifests":  manifests,
	"configs":    configs,
	"hosts":      hosts,
	"registries": registries,
}

func main() {
	// The readers log what they cannot read; here that is a verdict.
	logrus.SetOutput(io.Discard)
	name := strings.Join(os.Args[1:], " ")
	make, known := corpora[name]
	if !known {
		fmt.Fprintln(os.Stderr, "readers: references, manifests, configs, hosts or registries")
		os.Exit(64)
	}
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var failed error
	write := func(row any) {
		if err := encoder.Encode(row); err != nil {
			failed = err
		}
	}
	err := make(rand.New(rand.NewPCG(17, 4)), write)
	for _, err := range []error{err, failed, out.Flush()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "readers:", err)
			os.Exit(1)
		}
	}
}

// one of many.
func one[T any](random *rand.Rand, many ...T) T { return many[random.IntN(len(many))] }

// rarely is true once in n times.
func rarely(random *rand.Rand, n int) bool { return random.IntN(n) == 0 }

// spoilt inserts, removes, repeats or replaces a few of a text's bytes; most often none.
func spoilt(random *rand.Rand, text, alphabet string) string {
	bytes := []byte(text)
	for range one(random, 0, 0, 0, 1, 1, 2, 3) {
		at := random.IntN(len(bytes) + 1)
		letter := alphabet[random.IntN(len(alphabet))]
		switch random.IntN(4) {
		case 0:
			bytes = append(bytes[:at], append([]byte{letter}, bytes[at:]...)...)
		case 1:
			if at < len(bytes) {
				bytes = append(bytes[:at], bytes[at+1:]...)
			}
		case 2:
			if at < len(bytes) {
				bytes[at] = letter
			}
		case 3:
			end := min(len(bytes), at+random.IntN(12))
			piece := append([]byte{}, bytes[at:end]...)
			bytes = append(bytes[:end], append(piece, bytes[end:]...)...)
		}
	}
	return string(bytes)
}

// everAsked are the places that any of several readings asks: Go walks its maps in another
// order each time, and so some files are read in more ways than one.
func everAsked(read func() []string) []string {
	var places []string
	for range 24 {
		asked := read()
		if asked != nil && places == nil {
			places = []string{}
		}
		for _, place := range asked {
			if !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	slices.Sort(places)
	return places
}
