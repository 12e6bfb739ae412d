// Verifies that an entry is in a log: verify POLICY ENTRY PROOF. All judgement is torchwood's.
package main

import (
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	policy, err := torchwood.ParsePolicy(file(1))
	refuse(err)
	refuse(torchwood.VerifyProof(policy, tlog.RecordHash(file(2)), file(3)))
}

func file(n int) []byte {
	content, err := os.ReadFile(os.Args[n])
	refuse(err)
	return content
}

func refuse(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
