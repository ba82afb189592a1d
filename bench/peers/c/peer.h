// What main.c and the scenarios agree on: each scenario prints one line of JSON, its phases in nanoseconds.
#pragma once
#include <stdint.h>

int lab(void);
int star(void);
int routes(const char* way);  // one | acks | last
int dump_routes(void);
int links(void);
int mounts(const char* way, const char* lowers);  // here | aside, number of lowers
int copy(const char* what);                       // small | large
int spawns(const char* way);                      // plain | isolated
int namespaces(void);
int crowd(const char* processes);  // no peer: many processes, until its parent ends
int hold(void);                    // no peer: keeps the kernel's rtnl lock busy for the loop scenario

enum { AGAIN = 10, SPOKES = 100, ROUTES = 100000, PER_SEND = 64, LISTS = 1000, MOUNTS = 100, SPAWNS = 100 };

void pause_ms(int ms);  // lets the kernel finish what was torn down
int64_t median(int64_t* values, int count);
