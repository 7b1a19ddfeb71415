/* Included before every source (FurrowCompiler.cmake). A file that must do without says FURROW_UNFORTIFIED, and why. */
#if defined(__OPTIMIZE__) && !defined(FURROW_UNFORTIFIED)
#define _FORTIFY_SOURCE 2
#endif
