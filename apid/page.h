/*
 * The console's files and the pages of apid's own.
 */
#ifndef APID_PAGE_H
#define APID_PAGE_H

struct request;

/* A file of the pack, or index.html for a path that the console routes. */
void page_file(struct request *);
/* GET / */
void page_root(struct request *);
void page_docs(struct request *);
void page_openapi(struct request *);

#endif
