package dataset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A Person is an obvious test person; two calls with one seed give the same.
type Person struct {
	Number    int // 1 and up
	First     string
	Prefix    string // empty: none
	Last      string
	Email     string // unique within the list
	Mobile    string // a number that begins as no mobile number does
	Birth     time.Time
	Woman     bool
	BSN       string // from the range that is given out to nobody
	Unit, Job string
}

// Name is the whole name.
func (p Person) Name() string {
	return strings.Join(strings.Fields(p.First+" "+p.Prefix+" "+p.Last), " ")
}

// Rand makes the source of randomness of a seed, apart for each use.
func Rand(seed uint64, use string) *rand.Rand {
	var h uint64 = 14695981039346656037
	for _, b := range []byte(use) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

// People makes n test persons.
func People(seed uint64, n int) []Person {
	r := Rand(seed, "people")
	firsts := []string{
		"Noor", "Saar", "Milan", "Bram", "Zoë", "Lotte", "Ruben", "Tess", "Daan", "Fenna", "Sem", "Pien", "Guus",
		"Roos", "Mees", "Jip", "Åsa", "Björn", "Renée", "Siân",
	}
	prefixes := []string{"", "", "", "van", "van der", "de", "van 't", "ter"}
	lasts := []string{
		"Bedacht", "Voorbeeld", "Testma", "Proefman", "Fictief", "Verzonnen", "Denkbeeld", "Monster", "Schijnbaar",
		"Nepveld", "Probeersel", "Oefening", "Fictief-Åkesson", "O'Testa", "Maquette", "Zogenaamd",
	}
	jobs := []string{"Verpleegkundige", "Arts; opleider, chirurgie", "Facilitair medewerker", "Planner", "Docent", "Receptionist"}
	seen := map[string]int{}
	people := make([]Person, n)
	for i := range people {
		p := Person{
			Number: i + 1,
			First:  firsts[r.IntN(len(firsts))], Prefix: prefixes[r.IntN(len(prefixes))], Last: lasts[r.IntN(len(lasts))],
			Mobile: fmt.Sprintf("+31600%06d", i+1),
			Birth:  time.Date(1960+r.IntN(45), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC),
			Woman:  r.IntN(2) == 0,
			BSN:    testBSN(i),
			Unit:   fmt.Sprintf("KAZ-%02d", 1+r.IntN(12)),
			Job:    jobs[r.IntN(len(jobs))],
		}
		if i == 0 {
			p.First, p.Prefix, p.Last = "Noor", "van", "Bedacht"
		}
		p.Email = email(p, seen)
		people[i] = p
	}
	return people
}

// email makes the address of a person, with a number where it is taken.
func email(p Person, seen map[string]int) string {
	plain := strings.NewReplacer("Å", "A", "å", "a", "ö", "o", "ë", "e", "é", "e", "â", "a", " ", "", "'", "").
		Replace(p.First[:firstRune(p.First)] + "." + p.Prefix + p.Last)
	local := strings.ToLower(plain)
	seen[local]++
	if n := seen[local]; n > 1 {
		local = fmt.Sprintf("%s.%d", local, n)
	}
	return local + "@example.org"
}

func firstRune(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// testBSN gives the n-th number that passes the eleven test in the range
// 9999xxxxx, which is kept for tests.
func testBSN(n int) string {
	for base := 99990000 + n%9990; ; base++ {
		sum, rest := 0, base
		for weight := 2; weight <= 9; weight++ {
			sum += weight * (rest % 10)
			rest /= 10
		}
		if check := sum % 11; check < 10 {
			return fmt.Sprintf("%08d%d", base, check)
		}
	}
}
