# A starter project of Koppel. All *.hcl files of this folder together are one
# configuration; the order of blocks never matters.
#
#   koppel validate     are the files right?
#   koppel test         do the test blocks pass?
#   koppel plan         what would change? Nothing is written.
#   koppel run          change it. Run it again: nothing is left to do.

koppel {
  timezone = "Europe/Amsterdam" # what `today` means
}

