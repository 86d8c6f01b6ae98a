// make-db writes a vulnerability database for Trivy with a few invented
// advisories, since tests reach no network to download the real one.
//
//	make-db FOLDER UPDATED_AT
//
// FOLDER is Trivy's `db` folder inside its --cache-dir; UPDATED_AT, in RFC 3339,
// is when the database says it was built.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"go.etcd.io/bbolt"
)

// Debian 13 has no end of life in Trivy 0.69, so that tests do not age.
const distribution = "debian 13"

type advisory struct {
	id, pkg, fixed string
	severity       types.Severity
	score          float64
}

var advisories = []advisory{
	{"CVE-2026-10001", "sekisho-demo-openssl", "3.0.2-1", types.SeverityCritical, 9.8},
	{"CVE-2026-10002", "sekisho-demo-curl", "8.5.1-1", types.SeverityMedium, 5.3},
	{"CVE-2026-10003", "sekisho-demo-tar", "", types.SeverityLow, 2.5},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "make-db:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: make-db FOLDER UPDATED_AT")
	}
	updatedAt, err := time.Parse(time.RFC3339, arguments[1])
	if err != nil {
		return err
	}
	if err := write(arguments[0]); err != nil {
		return err
	}
	return metadata.NewClient(arguments[0]).Update(metadata.Metadata{
		Version:      db.SchemaVersion,
		UpdatedAt:    updatedAt.UTC(),
		NextUpdate:   updatedAt.UTC().Add(24 * time.Hour),
		DownloadedAt: updatedAt.UTC(),
	})
}

func write(folder string) error {
	if err := db.Init(folder); err != nil {
		return err
	}
	defer db.Close()
	return db.Config{}.BatchUpdate(func(tx *bbolt.Tx) error {
		source := types.DataSource{ID: "debian", Name: "Invented advisories", URL: "https://advisories.invalid/"}
		if err := (db.Config{}).PutDataSource(tx, distribution, source); err != nil {
			return err
		}
		for _, advisory := range advisories {
			if err := advisory.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a advisory) put(tx *bbolt.Tx) error {
	entry := types.Advisory{FixedVersion: a.fixed}
	if a.fixed == "" {
		entry.Status = types.StatusAffected
	}
	if err := (db.Config{}).PutAdvisory(tx, []string{distribution, a.pkg}, a.id, &entry); err != nil {
		return err
	}
	return db.Config{}.PutVulnerability(tx, a.id, types.Vulnerability{
		Title:          fmt.Sprintf("An invented flaw of %s", a.pkg),
		Description:    fmt.Sprintf("%s is invented, and so is what is wrong with it.", a.pkg),
		VendorSeverity: types.VendorSeverity{"nvd": a.severity},
		CVSS:           types.VendorCVSS{"nvd": {V3Score: a.score}},
		References:     []string{"https://advisories.invalid/" + a.id},
	})
}
