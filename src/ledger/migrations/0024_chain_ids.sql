-- Closures name the chain ID of an image's layers in place of their diff IDs. What was recorded
-- before is read as it is; a program from before could not read what is recorded from now on.
SELECT 1;
